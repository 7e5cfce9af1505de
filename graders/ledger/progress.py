"""TaskProgress: what the reports of an attempt say about each of its tasks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from graders.report import CheckResult, Outcome, Report


@dataclass(frozen=True)
class TaskProgress:
    """How far one task of an attempt is."""

    task: str
    """Id of the task."""
    done: bool
    """Whether it passed at least once; a later failure takes nothing away."""
    done_at: str
    """When it passed first (RFC 3339, UTC); empty while it is not done."""
    outcome: Outcome
    """Of the newest check; so are the fields below."""
    message: str
    expected: str
    found: str
    hint: str
    checked_at: str
    """RFC 3339, UTC."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "outcome": self.outcome.value}


def progress_of(reports: Iterable[Report]) -> dict[str, TaskProgress]:
    """Derive the progress of every checked task from the reports of one attempt, oldest first."""
    progress: dict[str, TaskProgress] = {}
    for report in reports:
        for result in report.results:
            progress[result.task] = _advance(progress.get(result.task), result, report.finished_at)
    return progress


def _advance(before: TaskProgress | None, result: CheckResult, at: str) -> TaskProgress:
    done_at = before.done_at if before else ""
    if not done_at and result.outcome is Outcome.PASSED:
        done_at = at
    return TaskProgress(
        task=result.task,
        done=bool(done_at),
        done_at=done_at,
        outcome=result.outcome,
        message=result.message,
        expected=result.expected,
        found=result.found,
        hint=result.hint,
        checked_at=at,
    )
