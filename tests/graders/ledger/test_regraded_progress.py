"""How a regrade changes what is done: for everybody who asks, in the same way."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from graders.ledger import Attempt, Ledger
from graders.report import Outcome, Report, Trigger

AReport = Callable[..., Report]


@pytest.fixture
def attempt(ledger: Ledger, an_attempt: Callable[..., Attempt]) -> Attempt:
    return ledger.add_attempt(an_attempt())


def regrade(report: Report, of: Report, reason: str = "the check was wrong") -> Report:
    return report.model_copy(
        update={"trigger": Trigger.REGRADE, "regrade_of": of.id, "reason": reason}
    )


def done(ledger: Ledger, attempt: Attempt) -> dict[str, str]:
    """What is done since when, as the ledger's two ways of asking agree on."""
    progress = ledger.progress(attempt.id)
    found = {task: state.done_at for task, state in progress.items() if state.done}
    assert ledger.tasks_done().get(attempt.id, {}) == found
    return found


def test_a_regrade_takes_the_place_of_the_verdict_at_the_time_of_the_check(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    check = a_report(attempt, "2026-01-01T10:01:00Z", one="failed", two="passed", three="passed")
    ledger.append(check)
    later = a_report(attempt, "2026-03-01T10:00:00Z", one="passed", two="failed", three="error")

    ledger.append(regrade(later, check))

    when = "2026-01-01T10:01:00Z"
    assert done(ledger, attempt) == {"one": when, "three": when}
    progress = ledger.progress(attempt.id)
    assert (progress["two"].outcome, progress["two"].checked_at) == (Outcome.FAILED, when)
    assert progress["two"].regraded == "the check was wrong"
    assert (progress["three"].outcome, progress["three"].regraded) == (Outcome.PASSED, "")


def test_only_the_regraded_check_is_judged_anew(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    first = a_report(attempt, "2026-01-01T10:01:00Z", one="passed")
    second = a_report(attempt, "2026-01-01T10:02:00Z", one="passed")
    for report in (first, second):
        ledger.append(report)

    ledger.append(regrade(a_report(attempt, "2026-03-01T10:00:00Z", one="failed"), first))

    assert done(ledger, attempt) == {"one": "2026-01-01T10:02:00Z"}


def test_the_newest_regrade_that_could_look_decides(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    check = a_report(attempt, "2026-01-01T10:01:00Z", one="failed")
    ledger.append(check)

    for outcome, expected in [("passed", True), ("error", True), ("failed", False)]:
        ledger.append(regrade(a_report(attempt, "2026-03-01T10:00:00Z", one=outcome), check))
        assert ("one" in done(ledger, attempt)) is expected


def test_both_ways_of_asking_agree_whatever_happened(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    draw = random.Random(5)
    checks: list[Report] = []
    for minute in range(60):
        outcomes = {task: draw.choice(list(Outcome)).value for task in ("one", "two", "three")}
        report = a_report(attempt, f"2026-01-01T10:{minute:02}:00Z", **outcomes)
        if checks and draw.random() < 0.6:
            report = regrade(report, draw.choice(checks))
        else:
            checks.append(report)
        ledger.append(report)
        done(ledger, attempt)
    assert ledger.verify() == []
