"""TaskProgress: what the reports of an attempt say about each of its tasks.

Rules, in this order:

1. Of each check the verdict that holds is that of its newest regrade which could say passed or
   failed, else the one that was given then. A regrade that ends in `error` changes nothing.
2. A task is done when one verdict that holds is `passed`, since the time of that *check*: what
   the learner did, they did then, whenever it was understood.
3. An override of an instructor goes before the verdicts, and is shown as what it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

from graders.ledger.statements import Effect, Override, standing_overrides
from graders.report import CheckResult, Outcome, Report, Trigger


@dataclass(frozen=True)
class TaskProgress:
    """How far one task of an attempt is."""

    task: str
    """Id of the task."""
    done: bool
    """Whether it passed at least once; a later failure takes nothing away, a regrade may."""
    done_at: str
    """When it passed first (RFC 3339, UTC); empty while it is not done."""
    outcome: Outcome
    """Of the newest check as it is judged now; so are the fields below."""
    message: str
    expected: str
    found: str
    hint: str
    checked_at: str
    """When that check was made; RFC 3339, UTC. Empty where there was none."""
    regraded: str = ""
    """Why its verdict was changed afterwards; empty where it was not."""
    override: Override | None = None
    """What an instructor decided by hand; None where the checks decide."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        override = None if self.override is None else self.override.to_json()
        return {**values, "outcome": self.outcome.value, "override": override}


class HeldVerdict(NamedTuple):
    """A verdict as it holds now."""

    check: Report
    """The report of the check, from a cluster."""
    result: CheckResult
    report: Report
    """The report that the result is from: that of the check, or of a regrade."""


def progress_of(
    reports: Iterable[Report], overrides: Iterable[Override] = ()
) -> dict[str, TaskProgress]:
    """Derive the progress of every task from reports and overrides of one attempt, oldest first."""
    progress: dict[str, TaskProgress] = {}
    for held in verdicts_that_hold(list(reports)):
        task = held.result.task
        progress[task] = _advance(progress.get(task), held)
    for (_, task), override in standing_overrides(overrides).items():
        progress[task] = _overridden(progress.get(task), override)
    return progress


def verdicts_that_hold(reports: Sequence[Report]) -> list[HeldVerdict]:
    """Return the verdict of each check as it is judged now, in the order of the checks.

    Args:
        reports: of one attempt, oldest first.
    """
    checks = {r.id: r for r in reports if r.trigger is not Trigger.REGRADE}
    held = {
        (check.id, result.task): HeldVerdict(check, result, check)
        for check in checks.values()
        for result in check.results
    }
    for report in reports:
        if report.trigger is not Trigger.REGRADE:
            continue
        for result in report.results:
            key = (report.regrade_of, result.task)
            if key in held and result.outcome is not Outcome.ERROR:
                held[key] = HeldVerdict(held[key].check, result, report)
    return list(held.values())


def _advance(before: TaskProgress | None, held: HeldVerdict) -> TaskProgress:
    done_at = before.done_at if before else ""
    if not done_at and held.result.outcome is Outcome.PASSED:
        done_at = held.check.finished_at
    return TaskProgress(
        task=held.result.task,
        done=bool(done_at),
        done_at=done_at,
        outcome=held.result.outcome,
        message=held.result.message,
        expected=held.result.expected,
        found=held.result.found,
        hint=held.result.hint,
        checked_at=held.check.finished_at,
        regraded=held.report.reason,
    )


def _overridden(before: TaskProgress | None, override: Override) -> TaskProgress:
    if before is None:
        outcome = Outcome.PASSED if override.effect is Effect.PASSED else Outcome.FAILED
        before = TaskProgress(override.task, False, "", outcome, "", "", "", "", "")
    done = override.effect is Effect.PASSED
    done_at = (before.done_at or override.at) if done else ""
    return replace(before, done=done, done_at=done_at, override=override)
