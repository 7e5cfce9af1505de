"""Awards: the badges that were issued, with their credentials."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_awards",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("learner", sa.String(255), nullable=False),
        sa.Column("path", sa.String(64), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("status_list", sa.Integer(), nullable=False),
        sa.Column("status_index", sa.Integer(), nullable=False),
        sa.Column("issued_at", sa.String(32), nullable=False),
        sa.Column("revoked_at", sa.String(32), nullable=False),
        sa.Column("revoked_reason", sa.Text(), nullable=False),
        sa.UniqueConstraint("learner", "path", name="one_award_per_learner_and_path"),
        sa.UniqueConstraint("status_list", "status_index", name="one_bit_per_award"),
    )


def downgrade() -> None:
    op.drop_table("web_awards")
