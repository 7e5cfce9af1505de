"""Record: what the pages read from the ledger, each page in a fixed number of queries.

The ledger's own methods answer for one attempt; these answer for a learner, a lab or a class.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from unicodedata import combining, normalize

from sqlalchemy import ColumnElement, case, func, select

from clusters.errors import NotFound
from graders.ledger import Effect, Ledger, Override
from graders.ledger.effective import effective_verdicts
from graders.ledger.statements import standing_overrides
from graders.ledger.tables import (
    LIVE_STATES,
    AttemptRow,
    AttemptState,
    ReportRow,
    StatementRow,
    VerdictRow,
)
from graders.report import Outcome
from web.database import WebDatabase
from web.standing import AttemptSummary, TaskState, overridden

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
    newest_statement: int = 0
    """Number of the newest appeal, answer or override, 0 when there is none."""

    def __str__(self) -> str:
        """Return it as it travels in an address."""
        state = self.live_state or "none"
        return f"{self.attempts}.{self.newest_report}.{self.newest_statement}.{state}"


class Record:
    """Reads the ledger for the pages."""

    def __init__(self, database: WebDatabase, ledger: Ledger) -> None:
        self._database = database
        self._ledger = ledger

    def attempts(self, learner: str | None = None, lab: str | None = None) -> list[AttemptSummary]:
        """Return the attempts of a learner, at a lab, or both, newest first. Three queries."""
        overrides = self._ledger.overrides(learner=learner, lab=lab)
        return self._attempts(overrides, *_chosen(learner, lab))

    def attempts_of(self, learners: Sequence[str], lab: str) -> list[AttemptSummary]:
        """Return the attempts of some learners at a lab, newest first. Three queries."""
        overrides = self._ledger.overrides(lab=lab)
        return self._attempts(overrides, AttemptRow.learner.in_(learners), AttemptRow.lab == lab)

    def attempt(self, id: str) -> AttemptSummary:
        """Return one attempt. Three queries.

        Raises:
            NotFound: there is none with this id.
        """
        if found := self._attempts(self._ledger.overrides(attempt=id), AttemptRow.id == id):
            return found[0]
        raise NotFound(f"there is no attempt {id!r}")

    def _attempts(
        self, overrides: Iterable[Override], *where: ColumnElement[bool]
    ) -> list[AttemptSummary]:
        newest_first = select(*_COLUMNS).where(*where).order_by(AttemptRow.started_at.desc())
        with self._database.reading() as session:
            rows = session.execute(newest_first.order_by(AttemptRow.id)).mappings().all()
            states: dict[str, dict[str, TaskState]] = {}
            for verdict in session.execute(_task_states(*where)):
                states.setdefault(verdict.attempt, {})[verdict.task] = TaskState(
                    bool(verdict.done), Outcome(verdict.outcome), verdict.at
                )
        for (attempt, task), override in standing_overrides(overrides).items():
            mine = states.setdefault(attempt, {})
            mine[task] = overridden(mine.get(task), override)
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
        """Return how many learners ever had each task of a lab done. Two queries."""
        held = effective_verdicts(AttemptRow.lab == lab)
        query = (
            select(held.c.task, held.c.attempt, AttemptRow.learner)
            .join(AttemptRow, AttemptRow.id == held.c.attempt)
            .where(held.c.outcome == Outcome.PASSED.value)
            .distinct()
        )
        with self._database.reading() as session:
            done = {(attempt, task): learner for task, attempt, learner in session.execute(query)}
        for key, override in standing_overrides(self._ledger.overrides(lab=lab)).items():
            if override.effect is Effect.PASSED:
                done[key] = override.learner
            else:
                done.pop(key, None)
        return Counter(task for task, _ in {(task, who) for (_, task), who in done.items()})

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
            func.max(StatementRow.number),
        )
        query = query.outerjoin_from(AttemptRow, ReportRow, ReportRow.attempt == AttemptRow.id)
        query = query.outerjoin(StatementRow, StatementRow.attempt == AttemptRow.id)
        with self._database.reading() as session:
            row = session.execute(query.where(*_chosen(learner, lab))).one()
        attempts, newest_report, live_state, deadline, newest_statement = row
        return Pulse(
            attempts, newest_report or 0, live_state or "", deadline or "", newest_statement or 0
        )


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
