"""Which evidence a report names, to be found by it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "reports", sa.Column("evidence", sa.String(80), nullable=False, server_default="")
    )
    op.create_index("ix_reports_evidence", "reports", ["evidence"])
