"""Databases of the fault tests, and how each is struck from outside."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

SERVER_ACCOUNT = "nobody"
"""PostgreSQL refuses to run as root."""


class Database(Protocol):
    """A database that can be struck."""

    url: str

    def strike(self, chance: random.Random) -> None:
        """Do to it what operators see: locks, lost connections."""


class Sqlite:
    """A file that somebody else keeps locked for a while."""

    LONGEST = 2.0
    """Seconds."""

    def __init__(self, file: Path) -> None:
        self.url = f"sqlite:///{file}"
        self._file = file

    def strike(self, chance: random.Random) -> None:
        """Let nobody write for a while."""
        with closing(sqlite3.connect(self._file, isolation_level=None, timeout=10)) as other:
            other.execute("BEGIN EXCLUSIVE")
            time.sleep(chance.uniform(0, self.LONGEST))
            other.execute("ROLLBACK")


class Postgresql:
    """A server that ends its backends, as an administrator or a failover does."""

    AT_ONCE = 3
    """So many times in a row: a retry meets the next one."""

    def __init__(self, server: str, name: str = "postgres") -> None:
        """Use a server by its libpq parameters, `host=...&user=...`."""
        self.url = f"postgresql:///{name}?{server}"
        self._admin = f"{server.replace('&', ' ')} dbname={name}"

    def strike(self, chance: random.Random) -> None:
        """Terminate every backend of the database, a few times."""
        import psycopg

        with psycopg.connect(self._admin, autocommit=True) as connection:
            for _ in range(chance.randint(1, self.AT_ONCE)):
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                time.sleep(chance.uniform(0, 0.1))


def postgresql_installed() -> bool:
    """Return whether a server can be made here."""
    return all(shutil.which(program) for program in ("initdb", "pg_ctl"))


@contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a PostgreSQL server on a unix socket; gives its libpq parameters as in a URL."""
    with tempfile.TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVER_ACCOUNT)
        data = f"{folder}/data"
        _as_server("initdb", "-D", data, "-U", "assay", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
        _as_server("pg_ctl", "-D", data, "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"host={folder}&user=assay"
        finally:
            _as_server("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _as_server(*command: str) -> None:
    if os.geteuid() == 0:
        command = ("setpriv", f"--reuid={SERVER_ACCOUNT}", "--clear-groups", *command)
    subprocess.run(command, check=True, capture_output=True, text=True, cwd="/")
