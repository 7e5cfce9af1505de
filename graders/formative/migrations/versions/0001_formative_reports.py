"""Formative reports: the points of notebooks, beside the ledger and never in it."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "formative_reports",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("attempt", sa.String(32), nullable=False, index=True),
        sa.Column("learner", sa.String(255), nullable=False),
        sa.Column("lab", sa.String(64), nullable=False, index=True),
        sa.Column("points", sa.Float(), nullable=False),
        sa.Column("max_points", sa.Float(), nullable=False),
        sa.Column("finished_at", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )


def downgrade() -> None:
    op.drop_table("formative_reports")
