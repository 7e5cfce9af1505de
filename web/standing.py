"""Standing: how far a learner is with a lab. Pure rules over what the ledger says.

A task that passed once stays done. Points are the sum over done tasks of *one* attempt: the live
one while the learner works, their best one otherwise. So a full bar always means a full attempt.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from graders.lab import Lab, Task
from graders.ledger import Effect, Override
from graders.ledger.tables import LIVE_STATES, AttemptState
from graders.report import Outcome


class Mark(StrEnum):
    """What a task shows in a list or a table."""

    DONE = "done"
    NOT_YET = "not-yet"
    """It was checked and is not done."""
    NO_VERDICT = "no-verdict"
    """The last check could not look; our fault."""
    UNTRIED = "untried"

    @property
    def symbol(self) -> str:
        """One character for tables."""
        symbols = {"done": "✓", "not-yet": "✗", "no-verdict": "!", "untried": "\N{EN DASH}"}
        return symbols[self.value]

    @property
    def label(self) -> str:
        """The same for people and screen readers."""
        return {
            "done": "done",
            "not-yet": "not yet",
            "no-verdict": "could not check",
            "untried": "not checked",
        }[self.value]


MARKS = {
    Outcome.PASSED: Mark.DONE,
    Outcome.FAILED: Mark.NOT_YET,
    Outcome.ERROR: Mark.NO_VERDICT,
}
"""What one verdict shows."""


@dataclass(frozen=True)
class TaskState:
    """What the verdicts of one attempt say about one task."""

    done: bool
    """Whether it passed at least once."""
    outcome: Outcome
    """Of the newest verdict."""
    at: str
    """Time of the newest verdict; RFC 3339, UTC."""
    override: Override | None = None
    """What an instructor decided by hand; None where the checks decide."""

    @property
    def mark(self) -> Mark:
        """What to show."""
        if self.override is not None:
            return Mark.DONE if self.done else Mark.NOT_YET
        return Mark.DONE if self.done else MARKS[self.outcome]


def overridden(state: TaskState | None, override: Override) -> TaskState:
    """Return the state of a task that an instructor settled."""
    done = override.effect is Effect.PASSED
    if state is None:
        outcome = Outcome.PASSED if done else Outcome.FAILED
        return TaskState(done, outcome, override.at, override)
    return replace(state, done=done, override=override)


@dataclass(frozen=True)
class AttemptSummary:
    """What pages show of an attempt, with the states of its tasks; neither seed nor baseline."""

    id: str
    learner: str
    lab: str
    lab_version: str
    state: AttemptState
    provider: str
    kubernetes: str
    assurance: str
    problem: str
    started_at: str
    """RFC 3339, UTC; so are the two below."""
    deadline_at: str
    finished_at: str
    tasks: Mapping[str, TaskState] = field(default_factory=dict)
    """By task id; a task that was never checked is missing."""

    @property
    def live(self) -> bool:
        """Whether it is starting or open."""
        return self.state in LIVE_STATES

    @property
    def last_activity(self) -> str:
        """When something last happened; RFC 3339, UTC."""
        return max([self.started_at, self.finished_at, *(s.at for s in self.tasks.values())])

    def mark(self, task: str) -> Mark:
        """Return what a task shows."""
        state = self.tasks.get(task)
        return state.mark if state else Mark.UNTRIED

    def done(self, lab: Lab) -> tuple[Task, ...]:
        """Return the lab's tasks that are done."""
        return tuple(task for task in lab.tasks if self.mark(task.id) is Mark.DONE)

    def points(self, lab: Lab) -> int:
        """Return the points of the done tasks."""
        return sum(task.points for task in self.done(lab))

    def about(self) -> dict[str, Any]:
        """Return plain JSON values: whose it is and where it is in its life."""
        return {"learner": self.learner, "lab": self.lab, **self._own_json()}

    def to_json(self, lab: Lab) -> dict[str, Any]:
        """Return plain JSON values, with points."""
        return {**self._own_json(), "points": self.points(lab), "done": len(self.done(lab))}

    def _own_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state.value,
            "lab_version": self.lab_version,
            "kubernetes": self.kubernetes,
            "provider": self.provider,
            "assurance": self.assurance,
            "started_at": self.started_at,
            "deadline_at": self.deadline_at,
            "finished_at": self.finished_at,
            "problem": self.problem,
        }


@dataclass(frozen=True)
class Standing:
    """How far one learner is with one lab."""

    lab: Lab
    attempts: tuple[AttemptSummary, ...] = ()
    """Newest first."""

    @property
    def live(self) -> AttemptSummary | None:
        """The attempt the learner works on."""
        return next((attempt for attempt in self.attempts if attempt.live), None)

    @property
    def best(self) -> AttemptSummary | None:
        """The attempt with most points, the newest of equals."""
        counted = [a for a in self.attempts if a.state is not AttemptState.BROKEN]
        return max(counted, key=lambda a: (a.points(self.lab), a.started_at), default=None)

    @property
    def shown(self) -> AttemptSummary | None:
        """The attempt whose tasks pages show: the live one, else the best."""
        return self.live or self.best

    @property
    def points(self) -> int:
        """Points of the best attempt."""
        return self.best.points(self.lab) if self.best else 0

    @property
    def complete(self) -> bool:
        """Whether one attempt has every task done."""
        return self.points == self.lab.points

    @property
    def last_activity(self) -> str:
        """When something last happened; empty when nothing did."""
        return max((attempt.last_activity for attempt in self.attempts), default="")

    def mark(self, task: str) -> Mark:
        """Return what a task shows in tables."""
        return self.shown.mark(task) if self.shown else Mark.UNTRIED

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "lab": self.lab.slug,
            "points": self.points,
            "of": self.lab.points,
            "complete": self.complete,
            "live": self.live is not None,
            "attempts": len(self.attempts),
            "last_activity": self.last_activity,
        }


def standings(labs: Iterable[Lab], attempts: Iterable[AttemptSummary]) -> dict[str, Standing]:
    """Sort the attempts of one learner (newest first) under the labs, by slug."""
    by_lab: dict[str, list[AttemptSummary]] = {}
    for attempt in attempts:
        by_lab.setdefault(attempt.lab, []).append(attempt)
    return {lab.slug: Standing(lab, tuple(by_lab.get(lab.slug, ()))) for lab in labs}
