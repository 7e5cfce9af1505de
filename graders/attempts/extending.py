"""Extending: when the time of an attempt ends, and how often its learner may move that.

How often it was moved follows from the attempt itself: there is no count that could be lost.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from clusters.errors import EXIT_USAGE, AssayError
from graders.assurance import Assurance
from graders.lab import DEADLINE_FACTOR, Lab
from graders.ledger import Attempt, AttemptState, timestamp

MOST = 2
"""How often a learner may extend one attempt, by the minutes of its lab each time."""
WARN_MINUTES = 15
"""So long before the end the learner is told."""


class NotExtended(AssayError):
    """The time of the attempt stays as it is; the sentence says why."""

    exit_code = EXIT_USAGE


def extensions_left(attempt: Attempt, lab: Lab) -> int:
    """Return how often the learner may still extend an attempt."""
    if attempt.state is not AttemptState.OPEN or attempt.assurance == Assurance.PROCTORED:
        return 0
    minutes = lab.document.minutes
    given = _minutes_between(attempt.started_at, attempt.deadline_at)
    used = round((given - minutes * DEADLINE_FACTOR) / minutes)
    return max(0, MOST - used)


def extended_deadline(attempt: Attempt, lab: Lab) -> datetime:
    """Return until when an attempt lasts that is extended now.

    Raises:
        NotExtended: it was extended as often as one may, or must not be.
    """
    if attempt.assurance == Assurance.PROCTORED:
        raise NotExtended("the time of a proctored attempt is the same for everybody")
    if not extensions_left(attempt, lab):
        raise NotExtended(
            f"attempt {attempt.id} was extended as often as one may; it ends at "
            f"{attempt.deadline_at}. Finish it in time, or start {attempt.lab} again afterwards"
        )
    return datetime.fromisoformat(attempt.deadline_at) + timedelta(minutes=lab.document.minutes)


def ends_soon(attempt: Attempt, now: datetime | None = None) -> bool:
    """Return whether the learner should be told that the time is nearly over."""
    now = now or datetime.now(UTC)
    return attempt.live and _minutes_between(timestamp(now), attempt.deadline_at) <= WARN_MINUTES


def warning(attempt: Attempt, left: int, now: datetime | None = None) -> str:
    """Return what a learner is told about the end of their time; empty while there is enough.

    Args:
        attempt: the attempt.
        left: how often they may still extend it.
        now: the moment; the present one when left out.
    """
    now = now or datetime.now(UTC)
    if not ends_soon(attempt, now):
        return ""
    minutes = max(0, round(_minutes_between(timestamp(now), attempt.deadline_at)))
    ends = f"your cluster is removed in {minutes} min; what you reached stays"
    return f"{ends}. You can have more time: %extend" if left else ends


def _minutes_between(start: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() / 60
