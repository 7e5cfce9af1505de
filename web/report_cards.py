"""Report cards: what proves the checks of each lab, for those who answer for them."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort
from werkzeug.wrappers import Response

from graders.lab import Lab
from graders.rehearsal.cards import CardState, CardStatus
from web.access import staff_only
from web.representation import page
from web.site import site

blueprint = Blueprint("report_cards", __name__)

WORDS = {
    CardState.GREEN: "proved",
    CardState.STALE: "stale",
    CardState.RED: "red",
    CardState.MISSING: "not proved",
}
"""What a report card says of its lab, in a word."""


@blueprint.get("/instructor/report-cards")
@staff_only
def show_all() -> Response:
    """Show the state of every lab's report card."""
    cards = [(lab, site().shelf.card(lab)) for lab in site().shelf.read().labs]
    return page(
        "report_cards.html",
        {"cards": [_json(lab, status) for lab, status in cards]},
        cards=cards,
        words=WORDS,
    )


@blueprint.get("/instructor/report-cards/<slug>")
@staff_only
def show(slug: str) -> Response:
    """Show one report card with every run."""
    lab = site().shelf.find(slug)
    if lab is None:
        abort(404, "There is no such lab here.")
    status = site().shelf.card(lab)
    return page(
        "report_card.html",
        {**_json(lab, status), "runs": list(status.card.get("runs", ()))},
        lab=lab,
        status=status,
        card=status.card,
        facts=facts_of(status),
        words=WORDS,
    )


def facts_of(status: CardStatus) -> list[tuple[str, str]]:
    """Return the figures of a card as people read them."""
    card = status.card
    if not card:
        return []
    seconds = card.get("check_seconds") or {}
    facts = [
        ("Mutants noticed", _of(card.get("killed"), card.get("mutants"), card.get("kill_rate"))),
        ("Verdicts that flickered", _share(card.get("flake_rate"))),
        ("A check takes", f"{seconds.get('median')} s, at most {seconds.get('p95')} s (95 %)"),
        ("Gradings", str(card.get("gradings", ""))),
        ("Kubernetes", ", ".join(map(str, card.get("kubernetes", ())))),
        ("Seeds", ", ".join(map(str, card.get("seeds", ())))),
        ("Version of the lab", str(card.get("version", ""))),
        ("Rehearsed", str(card.get("finished_at", ""))),
        ("Digest of the card", status.digest),
    ]
    return [(name, value) for name, value in facts if value]


def _of(part: Any, whole: Any, share: Any) -> str:
    return f"{part} of {whole} ({_share(share)})" if whole else ""


def _share(value: Any) -> str:
    return f"{100 * value:.3g} %" if isinstance(value, int | float) else ""


def _json(lab: Lab, status: CardStatus) -> dict[str, Any]:
    return {"lab": lab.slug, "title": lab.title, **status.to_json()}
