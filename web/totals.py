"""Totals: points over several labs. Pure rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from web.standing import Standing


class Share(NamedTuple):
    """Points of so many."""

    points: int
    of: int


def total_of(mine: Iterable[Standing]) -> Share:
    """Add up the points of the best attempts."""
    each = list(mine)
    return Share(sum(s.points for s in each), sum(s.lab.points for s in each))


def by_domain(mine: Iterable[Standing]) -> dict[str, Share]:
    """Add up the points of the best attempts by the domain of their tasks."""
    totals: dict[str, Share] = {}
    for standing in mine:
        done = standing.best.done(standing.lab) if standing.best else ()
        for task in standing.lab.tasks:
            points, of = totals.get(task.domain, Share(0, 0))
            totals[task.domain] = Share(points + task.points * (task in done), of + task.points)
    return dict(sorted(totals.items()))
