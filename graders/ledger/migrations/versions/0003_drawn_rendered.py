"""What an attempt's seed drew, and the files of its lab as they were filled in with it."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("drawn", sa.JSON(), nullable=False, server_default="{}"))
    op.create_table(
        "rendered_labs",
        sa.Column("attempt", sa.String(32), sa.ForeignKey("attempts.id"), primary_key=True),
        sa.Column("body", sa.LargeBinary(), nullable=False),
    )
    if op.get_bind().dialect.name == "postgresql":
        for table, events in (
            ("attempts", "UPDATE OF drawn"),
            ("rendered_labs", "UPDATE OR DELETE OR TRUNCATE"),
        ):
            op.execute(
                f"CREATE TRIGGER {table}_keep_what_was_drawn BEFORE {events} ON {table} "
                "FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only()"
            )
        return
    for table, event in (
        ("attempts", "UPDATE OF drawn"),
        ("rendered_labs", "UPDATE"),
        ("rendered_labs", "DELETE"),
    ):
        op.execute(
            f"CREATE TRIGGER {table}_keep_on_{event.split()[0].lower()} BEFORE {event} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END"
        )
