"""Catalogue: every lab, how far one is with it, and why some cannot be started here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from graders.catalogue import LabProblem
from web.access import this_person
from web.representation import page
from web.site import site
from web.standing import Standing, standings
from web.totals import total_of

blueprint = Blueprint("catalogue", __name__)


@blueprint.get("/")
def show() -> Response:
    """Show the labs as cards."""
    person = this_person()
    found = site().shelf.read()
    mine = list(standings(found.labs, site().record.attempts(person.name)).values())
    broken = [_problem_json(lab) for lab in found.broken] if person.instructor else []
    reasons = {s.lab.slug: site().shelf.why_not(s.lab) for s in mine}
    return page(
        "catalogue.html",
        {
            "labs": [_lab_json(standing, reasons[standing.lab.slug]) for standing in mine],
            "broken": broken,
        },
        mine=mine,
        working=[standing for standing in mine if standing.live],
        broken=broken,
        reasons=reasons,
        total=total_of(s for s in mine if s.points or not reasons[s.lab.slug]),
    )


def _lab_json(standing: Standing, reason: str) -> dict[str, Any]:
    return {
        **standing.lab.to_json(),
        "runnable": not reason,
        "reason": reason,
        "progress": standing.to_json(),
    }


def _problem_json(lab: LabProblem) -> dict[str, Any]:
    # The page says which folder; where the folder lies is nobody's business.
    here = f"{lab.folder}/"
    return {"slug": lab.slug, "problems": [said.removeprefix(here) for said in lab.problems]}
