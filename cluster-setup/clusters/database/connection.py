"""The database of an installation: its address, its connections and its migrations.

SQLite (default) runs in WAL mode with a busy timeout, foreign keys, and write transactions that
take the write lock at once, so that no reader can make a writer fail. PostgreSQL by URL.
"""

from __future__ import annotations

import os
import weakref
from functools import partial
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, DisconnectionError, NoSuchModuleError
from sqlalchemy.pool import ConnectionPoolEntry, Pool, QueuePool

from clusters.errors import AssayError
from clusters.home import home

BUSY_SECONDS = 30
"""How long a writer waits for another one before it gives up."""
READ_ONLY = {"assay_read_only": True}
"""Execution options of a connection that will not write."""
_MIGRATION_LOCK = 0x6173736179
"""Key of the PostgreSQL advisory lock around migrations."""


class DatabaseError(AssayError):
    """The database cannot be opened, read or written."""


class DatabaseAway(DatabaseError):
    """The database does not answer, or broke off; the same may work in a moment."""


def database_url() -> str:
    """Return `ASSAY_DATABASE_URL`, by default the SQLite file `assay.db` in the home folder."""
    return os.environ.get("ASSAY_DATABASE_URL") or f"sqlite:///{home() / 'assay.db'}"


def connect(url: str) -> Engine:
    """Return an engine for a SQLite or PostgreSQL URL; nothing is opened yet.

    Raises:
        DatabaseError: the URL is not one, or its driver is not installed.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        if parsed.get_backend_name() == "postgresql":
            return create_engine(parsed.set(drivername="postgresql+psycopg"), pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise DatabaseError("ASSAY_DATABASE_URL is not the URL of a database") from error
    except ModuleNotFoundError as error:
        raise DatabaseError(
            "PostgreSQL needs its driver: install Assay with the extra 'postgresql'"
        ) from error
    raise DatabaseError(
        f"ASSAY_DATABASE_URL: {parsed.get_backend_name()} is not supported; "
        "use sqlite:///FILE or postgresql://HOST/NAME"
    )


def migrate(engine: Engine, migrations: Path) -> None:
    """Bring tables up to date; safe when several processes do it at once.

    Args:
        engine: the database.
        migrations: folder of an Alembic history with a version table of its own.

    Raises:
        DatabaseError: the database cannot be reached or written.
    """
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    try:
        with engine.begin() as connection:
            _lock_out_others(connection)
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise unusable(engine, error) from error


def unusable(engine: Engine, error: DBAPIError) -> DatabaseAway:
    """Return the sentence for a database that is away, full or damaged; it holds no password."""
    place = engine.url.render_as_string(hide_password=True)
    return DatabaseAway(
        f"the database at {place} cannot be used: {' '.join(str(error.orig).split())}"
    )


def _lock_out_others(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        _make_private_file(Path(url.database))
    # Open connections are kept: closing the last one writes the whole WAL back, which takes longer
    # than appending a report.
    engine = create_engine(
        url, poolclass=QueuePool, max_overflow=-1, connect_args={"timeout": BUSY_SECONDS}
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "checkout", _require_same_file)
    event.listen(engine, "begin", _begin_sqlite)
    os.register_at_fork(after_in_child=partial(_forget_connections, weakref.ref(engine)))
    return engine


_inherited: list[Pool] = []
"""Of the process that this one was forked from: SQLite forbids to use or to close them here."""


def _forget_connections(engine: weakref.ref[Engine]) -> None:
    if (found := engine()) is not None:
        _inherited.append(found.pool)
        found.dispose(close=False)


def _require_same_file(connection: Any, record: ConnectionPoolEntry, proxy: object) -> None:
    """Have a connection opened anew where the file was replaced, by a backup for example."""
    if record.info["file"] != _identity(record.info["path"]):
        raise DisconnectionError("the database is another file now")


def _identity(path: str) -> tuple[int, int]:
    try:
        found = os.stat(path)
    except OSError:
        return (0, 0)
    return (found.st_dev, found.st_ino)


def _make_private_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(f"the database at {path} cannot be used: {error.strerror}") from error


def _prepare_sqlite(connection: Any, record: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # transactions begin in _begin_sqlite, not in the driver
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    record.info["path"] = cursor.execute("PRAGMA database_list").fetchone()[2]
    record.info["file"] = _identity(record.info["path"])
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    read_only = connection.get_execution_options().get("assay_read_only", False)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")
