"""Statements of people, verdicts that take the place of others, and indexes for large classes."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "verdicts", sa.Column("regrade_of", sa.String(32), nullable=False, server_default="")
    )
    op.create_index("ix_attempts_learner_lab", "attempts", ["learner", "lab"])
    op.create_index("ix_attempts_lab", "attempts", ["lab"])
    op.create_table(
        "statements",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("attempt", sa.String(32), sa.ForeignKey("attempts.id"), nullable=False),
        sa.Column("answers", sa.String(32), sa.ForeignKey("statements.id"), unique=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False, unique=True),
        sa.Column("link", sa.String(64), nullable=False, unique=True),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_statements_attempt", "statements", ["attempt"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER statements_are_append_only BEFORE UPDATE OR DELETE OR TRUNCATE "
            "ON statements FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
        )
        return
    for event in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER statements_refuse_{event.lower()} BEFORE {event} ON statements "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
