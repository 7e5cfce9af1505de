"""Ledgers on both databases: a SQLite file, and a PostgreSQL server made for the session."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from graders.ledger import Attempt, AttemptState, Ledger, open_ledger
from graders.report import CheckResult, Outcome, Report


class Place(NamedTuple):
    """Where a ledger is."""

    url: str
    keys: Path

    def open(self) -> Ledger:
        return open_ledger(self.url, self.keys)


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    if request.param == "sqlite":
        return Place(f"sqlite:///{tmp_path / 'assay.db'}", tmp_path / "keys")
    new_url = request.getfixturevalue("new_postgresql_url")
    return Place(new_url(), tmp_path / "keys")


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
