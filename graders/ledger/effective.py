"""Verdicts that hold: of each check of a task its newest regrade, else the check itself.

    verdict that holds = the newest regrade that could say passed or failed, else the original

A regrade that could not look (`error`) takes nobody's place. The time is always that of the
original: what the learner did, they did then.
"""

from __future__ import annotations

from sqlalchemy import ColumnElement, Subquery, case, func, or_, select
from sqlalchemy.orm import Session

from graders.ledger.tables import AttemptRow, VerdictRow
from graders.report import Outcome


def effective_verdicts(*where: ColumnElement[bool]) -> Subquery:
    """Select the verdicts that hold: id, attempt, task, outcome, message, at.

    The id is that of the original, so that the newest id of a task is its newest check.

    Args:
        where: conditions on the columns of `AttemptRow`.
    """
    is_original = VerdictRow.regrade_of == ""
    check = (case((is_original, VerdictRow.report), else_=VerdictRow.regrade_of), VerdictRow.task)
    ranked = (
        select(
            func.min(VerdictRow.id).over(partition_by=check).label("id"),
            VerdictRow.attempt,
            VerdictRow.task,
            VerdictRow.outcome,
            VerdictRow.message,
            func.min(VerdictRow.at).over(partition_by=check).label("at"),
            func.row_number()
            .over(partition_by=check, order_by=VerdictRow.id.desc())
            .label("place"),
        )
        .join(AttemptRow, AttemptRow.id == VerdictRow.attempt)
        .where(or_(is_original, VerdictRow.outcome != Outcome.ERROR.value), *where)
        .subquery()
    )
    columns = [column for column in ranked.c if column.name != "place"]
    return select(*columns).where(ranked.c.place == 1).subquery()


def passed_at(session: Session) -> dict[str, dict[str, str]]:
    """Return, for every attempt, when each of its tasks passed first."""
    held = effective_verdicts()
    query = (
        select(held.c.attempt, held.c.task, func.min(held.c.at))
        .where(held.c.outcome == Outcome.PASSED.value)
        .group_by(held.c.attempt, held.c.task)
    )
    passed: dict[str, dict[str, str]] = {}
    for attempt, task, at in session.execute(query):
        passed.setdefault(attempt, {})[task] = at
    return passed
