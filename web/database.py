"""The site's own tables, beside those of the ledger in the same database.

The site reads the ledger and never writes it. What it owns (sign-ins, awards, credentials) derives
from `WebBase` and is created by the revisions in `web/migrations`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine
from sqlalchemy.orm import DeclarativeBase, Session

from clusters.database import READ_ONLY, connect, database_url

VERSION_TABLE = "alembic_version_web"
"""The ledger keeps its own version table; the two histories do not know each other."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_MIGRATION_LOCK = 0x776562
"""Key of the PostgreSQL advisory lock around migrations."""


class WebBase(DeclarativeBase):
    """Base of the site's tables."""


class WebDatabase:
    """A database whose site tables are up to date. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        """Use an engine whose tables are up to date; `open_web_database` is the usual way."""
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one moment of the database; nothing is written."""
        with Session(self.engine.execution_options(**READ_ONLY)) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that is committed at the end, or rolled back by an exception."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def open_web_database(url: str | None = None) -> WebDatabase:
    """Open the database and bring the site's tables up to date; two processes may do so at once.

    Args:
        url: SQLite or PostgreSQL; by default that of the installation.

    Raises:
        LedgerError: the URL is not one, or its driver is not installed.
    """
    engine = connect(url or database_url())
    _migrate(engine)
    return WebDatabase(engine)


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
