"""The ledger for those who certify: whether it is whole, and what was signed about whom."""

from __future__ import annotations

from flask import Blueprint, request
from werkzeug.wrappers import Response

from web.access import staff_only
from web.representation import page
from web.site import site

blueprint = Blueprint("ledger", __name__)

SHOWN = 100
"""Attempts on the page; a search finds the others."""


@blueprint.get("/ledger")
@staff_only
def show() -> Response:
    """Show the newest attempts of everybody, or of one lab or learner; `?verify=1` verifies."""
    labs = site().shelf.read().labs
    lab, learner = request.args.get("lab") or None, request.args.get("learner", "").strip() or None
    attempts = site().record.attempts(learner, lab)
    problems = site().ledger.verify() if "verify" in request.args else None
    return page(
        "ledger.html",
        {
            "attempts": [attempt.about() for attempt in attempts],
            "verified": None if problems is None else not problems,
            "problems": problems or [],
        },
        attempts=attempts[:SHOWN],
        more=max(0, len(attempts) - SHOWN),
        problems=problems,
        labs=labs,
        chosen=lab,
        learner=learner or "",
        titles={each.slug: each.title for each in labs},
    )
