"""The site's own tables, beside those of the ledger in the same database.

The site reads the ledger and never writes it. What it owns (sign-ins, awards, credentials) derives
from `WebBase` and is created by the revisions in `web/migrations`.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Session

from clusters.home import home

VERSION_TABLE = "alembic_version_web"
"""The ledger keeps its own version table; the two histories do not know each other."""
_MIGRATIONS = Path(__file__).parent / "migrations"
_BUSY_SECONDS = 15
_MIGRATION_LOCK = 0x61737361
"""Any number of ours: PostgreSQL's advisory lock while a process migrates."""


class WebBase(DeclarativeBase):
    """Base of the site's tables."""


class WebDatabase:
    """A database whose site tables are up to date. Safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one moment of the database; nothing is written."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    @contextmanager
    def writing(self) -> Iterator[Session]:
        """Give a session that is committed at the end, or rolled back by an exception.

        SQLite takes the write lock at once, so that a reader never has to become a writer.
        """
        writer = self.engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
        with Session(writer, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def database_url() -> str:
    """Return `ASSAY_DATABASE_URL`, or the SQLite file in the home of this installation."""
    return os.environ.get("ASSAY_DATABASE_URL") or f"sqlite:///{home() / 'assay.db'}"


def open_web_database(url: str | None = None) -> WebDatabase:
    """Open the database and bring the site's tables up to date; two processes may do so at once.

    Args:
        url: SQLAlchemy address, SQLite or PostgreSQL; `database_url()` by default.
    """
    engine = create_engine(url or database_url(), pool_pre_ping=True)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    _migrate(engine)
    return WebDatabase(engine)


def _migrate(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    writer = engine.execution_options(sqlite_begin="BEGIN IMMEDIATE")
    with writer.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Leave transactions to us (`_begin_sqlite`), and share the file well with other processes."""
    if not isinstance(connection, sqlite3.Connection):
        return
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA foreign_keys = ON")


def _begin_sqlite(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN"))
