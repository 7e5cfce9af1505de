"""Record: what the pages read from the ledger, each page in a fixed number of queries.

The ledger's own methods answer for one attempt; these answer for a learner, a lab or a class.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from unicodedata import combining, normalize

from sqlalchemy import ColumnElement, case, func, select

from graders.ledger.effective import effective_verdicts
from graders.ledger.tables import LIVE_STATES, AttemptRow, AttemptState, ReportRow, VerdictRow
from graders.report import Outcome
from web.database import WebDatabase
from web.standing import AttemptSummary, TaskState

_COLUMNS = [getattr(AttemptRow, f.name) for f in fields(AttemptSummary) if f.name != "tasks"]


@dataclass(frozen=True)
class RecentVerdict:
    """One verdict in a list of recent ones."""

    lab: str
    task: str
    outcome: Outcome
    message: str
    at: str
    """RFC 3339, UTC."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "lab": self.lab,
            "task": self.task,
            "outcome": self.outcome.value,
            "message": self.message,
            "at": self.at,
        }


class Pulse(NamedTuple):
    """What changes when something happens to a learner at a lab."""

    attempts: int
    """How many there are."""
    newest_report: int
    """Its number in the ledger, 0 when there is none."""
    live_state: str
    """`starting` or `open`; empty when no attempt is live."""
    deadline: str
    """Of the live attempt; RFC 3339, UTC."""

    def __str__(self) -> str:
        """Return it as it travels in an address."""
        return f"{self.attempts}.{self.newest_report}.{self.live_state or 'none'}"


class Record:
    """Reads the ledger for the pages."""

    def __init__(self, database: WebDatabase) -> None:
        self._database = database

    def attempts(self, learner: str | None = None, lab: str | None = None) -> list[AttemptSummary]:
        """Return the attempts of a learner, at a lab, or both, newest first. Two queries."""
        return self._attempts(*_chosen(learner, lab))

    def attempts_of(self, learners: Sequence[str], lab: str) -> list[AttemptSummary]:
        """Return the attempts of some learners at a lab, newest first. Two queries."""
        return self._attempts(AttemptRow.learner.in_(learners), AttemptRow.lab == lab)

    def _attempts(self, *where: ColumnElement[bool]) -> list[AttemptSummary]:
        newest_first = select(*_COLUMNS).where(*where).order_by(AttemptRow.started_at.desc())
        with self._database.reading() as session:
            rows = session.execute(newest_first.order_by(AttemptRow.id)).mappings().all()
            states: dict[str, dict[str, TaskState]] = {}
            for verdict in session.execute(_task_states(*where)):
                states.setdefault(verdict.attempt, {})[verdict.task] = TaskState(
                    bool(verdict.done), Outcome(verdict.outcome), verdict.at
                )
        return [
            AttemptSummary(
                **{**row, "state": AttemptState(row["state"])}, tasks=states.get(row["id"], {})
            )
            for row in rows
        ]

    def learners(self, lab: str, matching: str = "") -> list[str]:
        """Return the names of everybody who tried a lab, as people sort names. One query."""
        query = select(AttemptRow.learner).where(AttemptRow.lab == lab).distinct()
        if matching:
            query = query.where(AttemptRow.learner.icontains(matching, autoescape=True))
        with self._database.reading() as session:
            return sorted(session.scalars(query), key=_as_sorted)

    def learners_by_lab(self) -> dict[str, int]:
        """Return how many learners tried each lab. One query."""
        query = select(AttemptRow.lab, func.count(AttemptRow.learner.distinct()))
        with self._database.reading() as session:
            rows = session.execute(query.group_by(AttemptRow.lab))
            return {lab: count for lab, count in rows}

    def learners_done(self, lab: str) -> dict[str, int]:
        """Return how many learners ever passed each task of a lab. One query."""
        held = effective_verdicts(AttemptRow.lab == lab)
        query = (
            select(held.c.task, func.count(AttemptRow.learner.distinct()))
            .join(AttemptRow, AttemptRow.id == held.c.attempt)
            .where(held.c.outcome == Outcome.PASSED.value)
            .group_by(held.c.task)
        )
        with self._database.reading() as session:
            return {task: count for task, count in session.execute(query)}

    def recent_verdicts(self, learner: str, limit: int = 20) -> list[RecentVerdict]:
        """Return the newest verdicts of a learner, newest first. One query."""
        query = (
            select(
                AttemptRow.lab,
                VerdictRow.task,
                VerdictRow.outcome,
                VerdictRow.message,
                VerdictRow.at,
            )
            .join(AttemptRow, AttemptRow.id == VerdictRow.attempt)
            .where(AttemptRow.learner == learner)
            .order_by(VerdictRow.id.desc())
            .limit(limit)
        )
        with self._database.reading() as session:
            return [
                RecentVerdict(lab, task, Outcome(outcome), message, at)
                for lab, task, outcome, message, at in session.execute(query)
            ]

    def pulse(self, learner: str, lab: str) -> Pulse:
        """Return what changes when something happens to a learner at a lab. One query.

        Polling asks this before anything else, so that an idle page costs nearly nothing.
        """
        is_live = AttemptRow.state.in_([state.value for state in LIVE_STATES])
        query = select(
            func.count(AttemptRow.id.distinct()),
            func.max(ReportRow.number),
            func.max(case((is_live, AttemptRow.state))),
            func.max(case((is_live, AttemptRow.deadline_at))),
        ).outerjoin_from(AttemptRow, ReportRow, ReportRow.attempt == AttemptRow.id)
        with self._database.reading() as session:
            row = session.execute(query.where(*_chosen(learner, lab))).one()
        attempts, newest_report, live_state, deadline = row
        return Pulse(attempts, newest_report or 0, live_state or "", deadline or "")


def _as_sorted(name: str) -> tuple[str, str]:
    """Return what a name is sorted by: é beside e, A beside a."""
    letters = "".join(c for c in normalize("NFKD", name) if not combining(c))
    return letters.casefold(), name


def _chosen(learner: str | None, lab: str | None) -> list[ColumnElement[bool]]:
    where: list[ColumnElement[bool]] = []
    if learner is not None:
        where.append(AttemptRow.learner == learner)
    if lab is not None:
        where.append(AttemptRow.lab == lab)
    return where


def _task_states(*where: ColumnElement[bool]) -> Any:
    """Select, for each attempt and task, whether it passed and what its newest verdict is."""
    held = effective_verdicts(*where)
    passed = case((held.c.outcome == Outcome.PASSED.value, 1), else_=0)
    of_task = (held.c.attempt, held.c.task)
    ranked = select(
        held.c.attempt,
        held.c.task,
        held.c.outcome,
        held.c.at,
        func.max(passed).over(partition_by=of_task).label("done"),
        func.row_number().over(partition_by=of_task, order_by=held.c.id.desc()).label("place"),
    ).subquery()
    return select(ranked).where(ranked.c.place == 1)
