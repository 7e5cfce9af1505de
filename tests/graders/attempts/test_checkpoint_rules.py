"""Which checkpoint lies before a task, and when the next one is due."""

from __future__ import annotations

from datetime import datetime
from types import SimpleNamespace
from typing import Any

import pytest

from clusters.snapshots import Snapshot
from graders.assurance import Assurance
from graders.attempts import Attempts, Checkpoint, NotReset
from graders.attempts.checkpoints import checkpoint_before, first_passes, task_to_keep
from graders.audit import Undone
from graders.report import Outcome, Report, Trigger

LAB = "bare-lab"
START = Checkpoint("", "2026-01-01T09:00:00.400000Z")
AFTER_ONE = Checkpoint("one", "2026-01-01T09:10:05.700000Z")
AFTER_TWO = Checkpoint("two", "2026-01-01T09:20:05.700000Z")
ALL = [START, AFTER_ONE, AFTER_TWO]


def report(at: str, trigger: Trigger = Trigger.ASKED, **outcomes: str) -> Report:
    results = [SimpleNamespace(task=t, outcome=Outcome(o)) for t, o in outcomes.items()]
    found: Any = SimpleNamespace(finished_at=f"2026-01-01T{at}Z", trigger=trigger, results=results)
    return found  # type: ignore[no-any-return]


def passes(**moments: str) -> dict[str, datetime]:
    return {t: datetime.fromisoformat(f"2026-01-01T{at}+00:00") for t, at in moments.items()}


@pytest.mark.parametrize(
    ("task", "found"),
    [("one", START), ("two", AFTER_ONE), ("three", AFTER_TWO)],
)
def test_the_newest_one_at_which_a_task_had_not_passed(task: str, found: Checkpoint) -> None:
    when = passes(one="09:10:05", two="09:20:05", three="09:30:00")

    assert checkpoint_before(task, ALL, when) == found


def test_a_task_that_never_passed_goes_back_to_the_last_one_that_did() -> None:
    assert checkpoint_before("four", ALL, passes(one="09:10:05", two="09:20:05")) == AFTER_TWO


def test_tasks_done_in_another_order_are_not_undone_by_chance() -> None:
    """Two passed after three: its checkpoint holds the work of three already."""
    when = passes(one="09:10:05", three="09:15:00", two="09:20:05")

    assert checkpoint_before("three", ALL, when) == AFTER_ONE


def test_tasks_that_passed_together_go_back_to_before_all_of_them() -> None:
    when = passes(one="09:20:05", two="09:20:05")

    assert checkpoint_before("two", [START, AFTER_TWO], when) == START


def test_a_pass_counts_once_and_a_regrade_is_none() -> None:
    found = first_passes(
        [
            report("09:10:00", one="failed", two="passed"),
            report("09:11:00", Trigger.REGRADE, three="passed"),
            report("09:12:00", one="passed", two="passed"),
        ]
    )

    assert found == passes(two="09:10:00", one="09:12:00")


def test_what_was_undone_did_not_pass() -> None:
    undone = Undone("2026-01-01T09:05:00.300000Z", "2026-01-01T09:30:00.900000Z")
    reports = [
        report("09:04:00", one="passed"),
        report("09:10:00", two="passed"),
        report("09:30:00", three="passed"),  # at the edge: perhaps after it
        report("09:40:00", two="passed"),
    ]

    found = first_passes(reports, [undone])

    assert found == passes(one="09:04:00", three="09:30:00", two="09:40:00")


def test_one_is_due_after_each_first_pass() -> None:
    assert task_to_keep([START], {}) == ""
    assert task_to_keep([START], passes(one="09:10:05")) == "one"
    assert task_to_keep([START, AFTER_ONE], passes(one="09:10:03")) == ""
    assert task_to_keep([START, AFTER_ONE], passes(one="09:10:03", two="09:20:00")) == "two"


def test_names_of_snapshots_and_back() -> None:
    assert Checkpoint.of(Snapshot("start", START.taken_at)) == START
    assert Checkpoint.of(Snapshot("after-one", AFTER_ONE.taken_at)) == AFTER_ONE
    assert Checkpoint.of(Snapshot("my-own", START.taken_at)) is None
    assert [c.name for c in ALL] == ["start", "after-one", "after-two"]


def test_where_the_provider_cannot_a_lab_is_not_reset(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB)

    with pytest.raises(NotReset, match="cannot be taken back; finish this attempt and start"):
        pretended.reset(attempt.id)


def test_a_proctored_attempt_is_not_reset(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB, assurance=Assurance.PROCTORED)

    with pytest.raises(NotReset, match="what is done is"):
        pretended.reset(attempt.id)
