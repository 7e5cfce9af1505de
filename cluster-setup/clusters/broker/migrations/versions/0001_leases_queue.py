"""Leases, what is remembered of those that ended, and who waits for room."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "leases",
        sa.Column("cluster", sa.String(64), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False, unique=True),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("flavour", sa.String(16), nullable=False),
        sa.Column("warm", sa.Boolean, nullable=False),
        sa.Column("reserved_at", sa.String(32), nullable=False),
        sa.Column("opened_at", sa.String(32), nullable=False),
        sa.Column("expires_at", sa.String(32), nullable=False),
        sa.Column("paused_at", sa.String(32), nullable=False),
        sa.Column("extensions", sa.Integer, nullable=False),
    )
    op.create_table(
        "ended_leases",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("flavour", sa.String(16), nullable=False),
        sa.Column("warm", sa.Boolean, nullable=False),
        sa.Column("held_seconds", sa.Float, nullable=False),
        sa.Column("ended_at", sa.String(32), nullable=False),
    )
    op.create_table(
        "queue",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("seat", sa.String(384), nullable=False, unique=True),
        sa.Column("since", sa.String(32), nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
