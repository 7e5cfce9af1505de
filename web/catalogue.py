"""Catalogue: every lab, how far one is with it, and why some cannot be started here."""

from __future__ import annotations

from typing import Any

from flask import Blueprint
from werkzeug.wrappers import Response

from graders.catalogue import LabProblem
from graders.rehearsal.cards import CardState, CardStatus
from web.access import this_person
from web.representation import page
from web.site import site
from web.standing import Standing, standings
from web.totals import total_of

blueprint = Blueprint("catalogue", __name__)

_DOUBTS = {
    CardState.STALE: "Its checks were not proved again since something changed.",
    CardState.RED: "Its last rehearsal found a mistake in its checks; object to a wrong verdict.",
    CardState.MISSING: "Nobody has proved its checks yet.",
}


@blueprint.get("/")
def show() -> Response:
    """Show the labs as cards."""
    person = this_person()
    found = site().shelf.read()
    mine = list(standings(found.labs, site().record.attempts(person.name)).values())
    broken = [_problem_json(lab) for lab in found.broken] if person.instructor else []
    cards = {lab.slug: site().shelf.card(lab) for lab in found.labs}
    reasons = {s.lab.slug: site().shelf.why_not(s.lab) for s in mine}
    return page(
        "catalogue.html",
        {
            "labs": [
                _lab_json(standing, reasons[standing.lab.slug], cards[standing.lab.slug])
                for standing in mine
            ],
            "broken": broken,
        },
        mine=mine,
        working=[standing for standing in mine if standing.live],
        broken=broken,
        reasons=reasons,
        proofs={slug: _doubt(card.state, person.staff) for slug, card in cards.items()},
        total=total_of(s for s in mine if s.points or not reasons[s.lab.slug]),
    )


def _doubt(state: CardState, staff: bool) -> str:
    """Say what people should know about the proof of a lab's checks; nothing when it is good."""
    if state is CardState.MISSING and not staff:
        return ""  # every new lab begins so; its author knows
    return _DOUBTS.get(state, "")


def _lab_json(standing: Standing, reason: str, card: CardStatus) -> dict[str, Any]:
    return {
        **standing.lab.to_json(),
        "runnable": not reason,
        "reason": reason,
        "report_card": card.state.value,
        "progress": standing.to_json(),
    }


def _problem_json(lab: LabProblem) -> dict[str, Any]:
    # The page says which folder; where the folder lies is nobody's business.
    here = f"{lab.folder}/"
    return {"slug": lab.slug, "problems": [said.removeprefix(here) for said in lab.problems]}
