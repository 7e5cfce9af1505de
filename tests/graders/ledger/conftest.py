"""Ledgers on both databases: a SQLite file, and a PostgreSQL server made for the session."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest

from graders.ledger import Attempt, AttemptState, Ledger, open_ledger
from graders.report import CheckResult, Outcome, Report

SERVER_ACCOUNT = "nobody"
"""PostgreSQL refuses to run as root."""


class Place(NamedTuple):
    """Where a ledger is."""

    url: str
    keys: Path

    def open(self) -> Ledger:
        return open_ledger(self.url, self.keys)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    for program in ("initdb", "pg_ctl"):
        if shutil.which(program) is None:
            pytest.skip(f"PostgreSQL's {program} is not installed")
    with TemporaryDirectory(prefix="assay-pg-", dir="/tmp") as folder:
        if os.geteuid() == 0:
            shutil.chown(folder, SERVER_ACCOUNT)
        data, socket = f"{folder}/data", folder
        _as_server("initdb", "-D", data, "-U", "assay", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses='' -c unix_socket_directories={socket} -c fsync=off"
        _as_server("pg_ctl", "-D", data, "-l", f"{folder}/log", "-o", options, "-w", "start")
        try:
            yield f"host={socket}&user=assay"
        finally:
            _as_server("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _as_server(*command: str) -> None:
    if os.geteuid() == 0:
        command = ("setpriv", f"--reuid={SERVER_ACCOUNT}", "--clear-groups", *command)
    done = subprocess.run(command, capture_output=True, text=True, cwd="/")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path / 'assay.db'}", tmp_path / "keys")
    server = request.getfixturevalue("postgresql")
    name = f"ledger_{secrets.token_hex(4)}"
    import psycopg

    admin = server.replace("&", " ") + " dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return Place(f"postgresql:///{name}?{server}", tmp_path / "keys")


@pytest.fixture
def ledger(place: Place) -> Iterator[Ledger]:
    ledger = place.open()
    yield ledger
    ledger.close()


@pytest.fixture
def an_attempt() -> Callable[..., Attempt]:
    """Return a maker of attempts."""

    def make(**changes: object) -> Attempt:
        values = {
            "id": secrets.token_hex(16),
            "learner": "ann",
            "lab": "dra-01",
            "lab_version": "1.0.0",
            "seed": 7,
            "state": AttemptState.OPEN,
            "provider": "embedded",
            "cluster": "dra-01-abc",
            "assurance": "practice",
            "started_at": "2026-01-01T10:00:00Z",
            "deadline_at": "2026-01-01T12:00:00Z",
        }
        return Attempt(**{**values, **changes})  # type: ignore[arg-type]

    return make


@pytest.fixture
def a_report() -> Callable[..., Report]:
    """Return a maker of reports of an attempt, from task=outcome."""

    def make(attempt: Attempt, at: str = "2026-01-01T10:05:00Z", /, **outcomes: str) -> Report:
        return Report(
            id=secrets.token_hex(16),
            lab=attempt.lab,
            lab_version=attempt.lab_version,
            attempt=attempt.id,
            learner=attempt.learner,
            started_at=at,
            finished_at=at,
            results=tuple(
                CheckResult(task=task, outcome=Outcome(outcome), message=f"{task} {outcome}")
                for task, outcome in outcomes.items()
            ),
        )

    return make
