"""Attempts, and the append-only reports and verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_FIXED = (
    "id",
    "learner",
    "lab",
    "lab_version",
    "seed",
    "provider",
    "cluster",
    "assurance",
    "started_at",
)
"""What an attempt is; the rest says where it is in its life."""


def upgrade() -> None:
    _create_attempts()
    _create_reports()
    _create_verdicts()
    if op.get_bind().dialect.name == "postgresql":
        _guard_postgresql()
    else:
        _guard_sqlite()


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("learner", sa.String(255), nullable=False),
        sa.Column("lab", sa.String(64), nullable=False),
        sa.Column("lab_version", sa.String(32), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("cluster", sa.String(64), nullable=False),
        sa.Column("cluster_uid", sa.String(64), nullable=False),
        sa.Column("kubernetes", sa.String(32), nullable=False),
        sa.Column("assurance", sa.String(16), nullable=False),
        sa.Column("baseline", sa.JSON(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.Column("started_at", sa.String(32), nullable=False),
        sa.Column("deadline_at", sa.String(32), nullable=False),
        sa.Column("finished_at", sa.String(32), nullable=False),
    )
    live = sa.text("state IN ('starting', 'open')")
    op.create_index(
        "one_live_attempt_per_learner_and_lab",
        "attempts",
        ["learner", "lab"],
        unique=True,
        sqlite_where=live,
        postgresql_where=live,
    )


def _create_reports() -> None:
    op.create_table(
        "reports",
        sa.Column("number", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("attempt", sa.String(32), sa.ForeignKey("attempts.id"), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("previous", sa.String(64), nullable=False, unique=True),
        sa.Column("link", sa.String(64), nullable=False, unique=True),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_reports_attempt", "reports", ["attempt"])


def _create_verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=True),
        sa.Column("report", sa.String(32), sa.ForeignKey("reports.id"), nullable=False),
        sa.Column("attempt", sa.String(32), sa.ForeignKey("attempts.id"), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("outcome", sa.String(8), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
    )
    op.create_index("ix_verdicts_report", "verdicts", ["report"])
    op.create_index("ix_verdicts_attempt", "verdicts", ["attempt"])


def _guard_sqlite() -> None:
    guards = [
        ("reports", "UPDATE"),
        ("reports", "DELETE"),
        ("verdicts", "UPDATE"),
        ("verdicts", "DELETE"),
        ("attempts", "DELETE"),
        ("attempts", f"UPDATE OF {', '.join(_FIXED)}"),
    ]
    for table, event in guards:
        op.execute(
            f"CREATE TRIGGER {table}_refuse_{event.split()[0].lower()} BEFORE {event} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )


def _guard_postgresql() -> None:
    op.execute(
        "CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the ledger is append-only'; END $$"
    )
    guards = [
        ("reports", "UPDATE OR DELETE OR TRUNCATE"),
        ("verdicts", "UPDATE OR DELETE OR TRUNCATE"),
        ("attempts", f"DELETE OR TRUNCATE OR UPDATE OF {', '.join(_FIXED)}"),
    ]
    for table, events in guards:
        op.execute(
            f"CREATE TRIGGER {table}_are_append_only BEFORE {events} ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
        )
