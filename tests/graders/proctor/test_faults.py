"""No verdict is lost when processes and databases fail; `benchmarks/faults.py` goes on longer."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.fault_databases import Postgresql, Sqlite
from benchmarks.faults import Tally, Told, Trial, try_faults
from graders.report import CheckResult, Outcome, Report

ROUNDS = 3
"""One for each kind of fault."""
RIGHT = {"there": Outcome.PASSED, "absent": Outcome.FAILED}


@pytest.mark.cluster
@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_no_verdict_is_lost_doubled_or_wrong(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if kind == "sqlite":
        database: Sqlite | Postgresql = Sqlite(tmp_path / "assay.db")
    else:
        database = Postgresql(request.getfixturevalue("postgresql"))
    tally = Tally()

    try_faults(ROUNDS, database, random.Random(), tally)

    assert tally.problems == []
    assert tally.struck.total() == ROUNDS
    assert tally.verdicts - tally.errors >= 4 * ROUNDS, "asking again gives the right answers"


class FakeLedger:
    """Reports of one attempt, as a test wants them."""

    def __init__(self) -> None:
        self.kept: list[Report] = []

    def reports(self, attempt: str) -> list[Report]:
        return self.kept


class FakeStage:
    """A stage of which only the ledger is asked."""

    def __init__(self) -> None:
        self.ledger = FakeLedger()


class FakeAsked:
    """What a learner was told."""

    def __init__(self, told: Told, report: Report | None = None) -> None:
        self.told, self.report = told, report


def report_of(id: str, **outcomes: str) -> Report:
    results = [
        CheckResult(task=task, outcome=Outcome(outcome), message="")
        for task, outcome in outcomes.items()
    ]
    return Report(
        id=id,
        lab="faults",
        lab_version="1.0.0",
        attempt="a",
        learner="ada",
        started_at="2030-01-01T00:00:00Z",
        finished_at="2030-01-01T00:00:00Z",
        results=tuple(results),
    )


GOOD = report_of("1", there="passed", absent="failed")
BLIND = report_of("2", there="error", absent="failed")
WRONG = report_of("3", there="passed", absent="passed")


@pytest.mark.parametrize(
    ("asked", "kept", "found"),
    [
        (FakeAsked(Told.REPORT, GOOD), [GOOD], ()),
        (FakeAsked(Told.REPORT, BLIND), [BLIND], ()),
        (FakeAsked(Told.CUT_OFF), [], ()),
        (FakeAsked(Told.CUT_OFF), [GOOD], ()),
        (FakeAsked(Told.REFUSED), [], ()),
        (FakeAsked(Told.REPORT, GOOD), [], ("lost",)),
        (FakeAsked(Told.CUT_OFF), [GOOD, BLIND], ("doubled",)),
        (FakeAsked(Told.REFUSED), [GOOD], ("wrong",)),
        (FakeAsked(Told.REPORT, WRONG), [WRONG], ("wrong",)),
    ],
)
def test_what_was_told_is_compared_with_what_was_kept(
    asked: Any, kept: list[Report], found: tuple[str, ...], bare_trial: Callable[[], Trial]
) -> None:
    trial = bare_trial()
    trial._stage.ledger.kept = kept  # type: ignore[attr-defined]

    trial._compare("round 1", asked, {}, RIGHT)

    tally = trial._tally
    assert [kind for kind in ("lost", "doubled", "wrong") if getattr(tally, kind)] == list(found)


@pytest.fixture
def bare_trial() -> Callable[[], Trial]:
    """Return a maker of trials that strike nothing and only compare."""

    def make() -> Trial:
        trial = Trial.__new__(Trial)
        trial._stage, trial._tally, trial._attempt = FakeStage(), Tally(), "a"  # type: ignore[assignment]
        return trial

    return make
