"""Agenda: which task of one attempt is looked at next, and when. Pure but for the time it is told.

A task is due when something changed that its check had read, after a moment of quiet. Then three
limits hold, so that nobody's cluster, however busy, costs more than it may:

- a look that takes long (it makes probes, or holds) rests as long as it took: half of the time;
- looks in vain, one after the other, come ever more seldom, until a person changes something;
- all looks of an attempt together draw on an allowance: half a second for each second.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graders.live.changes import Change
from graders.live.reads import Reads
from graders.report import CheckResult, Outcome

QUIET = 0.1
"""Seconds without another change before a look, so that one command is one change."""
LONGEST_UNQUIET = 0.4
"""Seconds after the first change at which a look comes anyway."""
CHEAP = 0.5
"""A look that takes fewer seconds needs no rest of its own; the allowance bounds it."""
PATIENCE = 4
"""Looks in vain, one after the other, before the rests grow."""
LONGEST_REST = 20.0
"""Seconds of rest that looks in vain can add up to."""
ALLOWANCE = 10.0
"""Seconds of looking that may be saved up, or overdrawn."""
REFILL = 0.5
"""Seconds of looking that each second allows."""
RETRY = 2.0
"""Seconds until a look that could not be made is tried again; then twice as long each time."""
_KEPT = 500
"""Changes that are kept while a grading is under way."""


@dataclass
class _Item:
    """What is known of one task."""

    reads: Reads | None = None
    """None until it was looked at once."""
    outcome: Outcome | None = None
    """Of the newest verdict; None where there is none."""
    first_change: float | None = None
    """When something changed that it read; None while nothing has."""
    last_change: float = 0.0
    cost: float = 0.0
    """Seconds that its newest look took."""
    vain: int = 0
    """Looks since the last one that was news, or since a person changed something."""
    rested_at: float = 0.0
    """When it may be looked at again."""

    def concerned(self, change: Change) -> bool:
        """Whether a change may matter to it."""
        return self.reads is None or self.reads.concern(change)

    def touch(self, now: float) -> None:
        """Note that something changed that it read."""
        self.first_change = now if self.first_change is None else self.first_change
        self.last_change = now

    def due_at(self) -> float:
        """Return when it is to be looked at, the allowance apart."""
        assert self.first_change is not None
        quiet = min(self.last_change + QUIET, self.first_change + LONGEST_UNQUIET)
        return max(quiet, self.rested_at)

    def rest(self) -> float:
        """Return how long it rests after a look."""
        cost = self.cost if self.cost > CHEAP else 0.0
        if self.vain <= PATIENCE:
            return cost
        grown: float = max(CHEAP, cost) * 2 ** min(self.vain - PATIENCE, 16)
        return min(grown, max(LONGEST_REST, cost))


class Agenda:
    """The tasks of one attempt. One grading at a time is under way."""

    def __init__(self, tasks: Iterable[str], outcomes: Mapping[str, Outcome], now: float) -> None:
        """Plan to look at every task once, since what they read is not known yet.

        Args:
            tasks: ids of the tasks.
            outcomes: of the newest verdict of each; those without one are missing.
            now: the time, in seconds.
        """
        self._items = {task: _Item(outcome=outcomes.get(task)) for task in tasks}
        self._allowance = ALLOWANCE
        self._refilled_at = now
        self._meanwhile: list[Change] | None = None
        """Changes since the grading under way began; None while there is none."""
        self.changed_somehow(now)

    def changed(self, changes: Iterable[Change], now: float) -> None:
        """Note what has changed."""
        for change in changes:
            for item in self._items.values():
                if item.concerned(change):
                    item.touch(now)
                    if change.by_person:
                        item.vain = 0
                        item.rested_at = min(item.rested_at, now + item.rest())
            if self._meanwhile is not None and len(self._meanwhile) <= _KEPT:
                self._meanwhile.append(change)

    def changed_somehow(self, now: float) -> None:
        """Note that something changed, and nobody read what: any task may be concerned."""
        for item in self._items.values():
            item.touch(now)

    def next(self, now: float) -> tuple[str, float] | None:
        """Return the task to look at and in how many seconds; None when there is nothing to do.

        Of several that are due the cheapest comes first: its answer is soonest there.
        """
        waiting = {t: i for t, i in self._items.items() if i.first_change is not None}
        if not waiting or self._meanwhile is not None:
            return None
        due = {task: max(item.due_at(), now) for task, item in waiting.items()}
        task = min(waiting, key=lambda t: (due[t], waiting[t].cost))
        return task, max(due[task] - now, self._until_allowed(now))

    def begin(self) -> None:
        """Note that a grading begins, of this service or one that the learner asked for."""
        self._meanwhile = []

    def give_up(self) -> None:
        """Note that the grading under way has ended, with or without an answer."""
        self._meanwhile = None

    def end(self, result: CheckResult, reads: Reads, took: float, now: float) -> bool:
        """Note what a look of this service has found.

        Args:
            result: what it found.
            reads: what it looked at.
            took: seconds, also of what is around the check.
            now: the time.

        Returns:
            Whether it is news: a verdict that differs from the last one. That a task was never
            checked and is not done yet is none; neither is that we could not look.
        """
        item = self._items[result.task]
        self._allowance = max(self._allowance - took, -ALLOWANCE)
        item.cost = took
        if result.outcome is Outcome.ERROR:
            self._try_again(item, reads, now)
            return False
        news = result.outcome is not (item.outcome or Outcome.FAILED)
        item.vain = 0 if news else item.vain + 1
        self._settle(item, result.outcome, reads, now)
        item.rested_at = now + item.rest()
        return news

    def heard(self, result: CheckResult, reads: Reads, now: float) -> None:
        """Note what a grading has found that the learner asked for."""
        item = self._items.get(result.task)
        if item is None:
            return
        if result.outcome is Outcome.ERROR:
            item.outcome = result.outcome
            self._try_again(item, reads, now)
        else:
            item.cost = item.cost or result.seconds
            self._settle(item, result.outcome, reads, now)

    def _settle(self, item: _Item, outcome: Outcome, reads: Reads, now: float) -> None:
        """Note a verdict; what changed meanwhile may call for the next one."""
        item.outcome, item.reads, item.first_change = outcome, reads, None
        meanwhile = self._meanwhile or ()
        if len(meanwhile) > _KEPT or any(reads.concern(change) for change in meanwhile):
            item.touch(now)

    def _try_again(self, item: _Item, reads: Reads, now: float) -> None:
        item.reads = item.reads or reads
        item.vain += 1
        item.rested_at = now + min(RETRY * 2 ** min(item.vain - 1, 16), LONGEST_REST)
        item.touch(now)

    def _until_allowed(self, now: float) -> float:
        self._allowance = min(ALLOWANCE, self._allowance + (now - self._refilled_at) * REFILL)
        self._refilled_at = now
        return max(0.0, -self._allowance / REFILL)
