"""My progress: every lab with its points, the domains, and the newest verdicts."""

from __future__ import annotations

from collections.abc import Iterable

from flask import Blueprint, abort, request
from werkzeug.wrappers import Response

from graders.lab import Lab
from web.access import instructors_only, this_person
from web.representation import page
from web.site import site
from web.standing import MARKS, standings
from web.totals import by_domain, total_of

blueprint = Blueprint("progress", __name__)


@blueprint.get("/progress")
def show() -> Response:
    """Show how far I am."""
    return _progress_of(this_person().name, mine=True)


@blueprint.get("/instructor/learner")
@instructors_only
def show_learner() -> Response:
    """Show an instructor how far a learner is; `?name=`, as names may hold any character."""
    name = request.args.get("name", "")
    if not site().record.attempts(name):
        abort(404, "Nobody of this name has started a lab.")
    return _progress_of(name, mine=False)


def _progress_of(learner: str, *, mine: bool) -> Response:
    labs = site().shelf.read().labs
    each = list(standings(labs, site().record.attempts(learner)).values())
    recent = site().record.recent_verdicts(learner)
    counted = [s for s in each if s.points or not site().shelf.why_not(s.lab)]
    total, domains = total_of(counted), by_domain(counted)
    return page(
        "progress.html",
        {
            "learner": learner,
            "points": total.points,
            "of": total.of,
            "labs": [standing.to_json() for standing in each],
            "domains": {code: share._asdict() for code, share in domains.items()},
            "recent": [verdict.to_json() for verdict in recent],
        },
        learner=learner,
        mine=mine,
        each=each,
        total=total,
        domains=domains,
        recent=recent,
        titles=_titles(labs),
        marks=MARKS,
    )


def _titles(labs: Iterable[Lab]) -> dict[tuple[str, str], str]:
    """Return the titles of all tasks, by lab and task."""
    return {(lab.slug, task.id): task.title for lab in labs for task in lab.tasks}
