"""The instructor's table: learners by tasks, for one lab; also as CSV and JSON."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from graders.lab import Lab
from web.access import instructors_only
from web.representation import page, wants_json
from web.site import site
from web.standing import AttemptSummary, Standing

blueprint = Blueprint("instructor", __name__)

ROWS = 100
"""Learners on one page."""


@dataclass(frozen=True)
class Row:
    """One learner in the table."""

    learner: str
    standing: Standing

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        standing = self.standing
        return {
            "learner": self.learner,
            "tasks": {task.id: standing.mark(task.id).value for task in standing.lab.tasks},
            "points": standing.points,
            "of": standing.lab.points,
            "complete": standing.complete,
            "working": standing.live is not None,
            "attempts": len(standing.attempts),
            "last_activity": standing.last_activity,
        }


@blueprint.get("/instructor")
@instructors_only
def show() -> Response:
    """Show the table of one lab, a page of learners at a time; programs get all of them."""
    labs = site().shelf.read().labs
    lab = _chosen_lab(labs)
    if lab is None:
        return page("instructor_empty.html", {"labs": [], "learners": []})
    asked = request.args.get("q", "").strip()
    names = site().record.learners(lab.slug, asked)
    shown = Pages(len(names), request.args.get("page", 1, type=int))
    rows = rows_of(lab, names if wants_json() else names[shown.first : shown.first + ROWS])
    done = site().record.learners_done(lab.slug)
    return page(
        "instructor.html",
        {
            "lab": lab.to_json(),
            "learners": [row.to_json() for row in rows],
            "done": {task.id: done.get(task.id, 0) for task in lab.tasks},
        },
        labs=labs,
        lab=lab,
        rows=rows,
        asked=asked,
        pages=shown,
        done=done,
        everybody=site().record.learners_by_lab(),
    )


@blueprint.get("/instructor/table.csv")
@instructors_only
def download() -> Response:
    """Give the whole table as CSV."""
    lab = _chosen_lab(site().shelf.read().labs)
    if lab is None:
        abort(404, "There is no lab yet, so there is no table.")
    table = to_csv(lab, rows_of(lab, site().record.learners(lab.slug)))
    reply = Response(table, content_type="text/csv; charset=utf-8")
    reply.headers["Content-Disposition"] = f"attachment; filename={lab.slug}.csv"
    return reply


@dataclass(frozen=True)
class Pages:
    """Which page of a long table is shown."""

    total: int
    """Rows on all pages."""
    asked: int
    """The page asked for; the nearest that exists is shown."""

    @property
    def last(self) -> int:
        """Number of the last page, at least 1."""
        return max(1, -(-self.total // ROWS))

    @property
    def number(self) -> int:
        """Number of the page that is shown, from 1."""
        return min(max(1, self.asked), self.last)

    @property
    def first(self) -> int:
        """Index of its first row."""
        return (self.number - 1) * ROWS


def rows_of(lab: Lab, learners: list[str]) -> list[Row]:
    """Return a row for each learner in the given order, in two queries."""
    record = site().record
    few = len(learners) <= ROWS
    attempts = record.attempts_of(learners, lab.slug) if few else record.attempts(lab=lab.slug)
    by_learner: dict[str, list[AttemptSummary]] = {name: [] for name in learners}
    for attempt in attempts:
        if attempt.learner in by_learner:
            by_learner[attempt.learner].append(attempt)
    return [Row(name, Standing(lab, tuple(mine))) for name, mine in by_learner.items()]


def to_csv(lab: Lab, rows: Iterable[Row]) -> str:
    """Write the table as CSV."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(["learner", *lab.task_ids, "points", "of", "attempts", "last_activity"])
    for row in rows:
        marks = [row.standing.mark(task).value for task in lab.task_ids]
        numbers = [row.standing.points, lab.points, len(row.standing.attempts)]
        writer.writerow([_harmless(row.learner), *marks, *numbers, row.standing.last_activity])
    return file.getvalue()


def _harmless(name: str) -> str:
    """Keep a spreadsheet from taking a learner's name for a formula."""
    return f"'{name}" if name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _chosen_lab(labs: tuple[Lab, ...]) -> Lab | None:
    """Return the lab asked for, the first one by default; None when there is none at all."""
    asked = request.args.get("lab")
    if asked is None:
        return labs[0] if labs else None
    lab = next((lab for lab in labs if lab.slug == asked), None)
    if lab is None:
        abort(404, "There is no such lab here. The list of labs shows all that are.")
    return lab
