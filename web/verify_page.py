"""Verify: everybody can ask whether a badge of this installation is valid, without a sign-in.

Nothing is fetched: addresses in an upload are its maker's choice, and a server that followed them
could be sent to places that only it can reach. A badge of somebody else is told where to go.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, render_template, request
from werkzeug.wrappers import Response

from clusters.errors import InputInvalid, NotFound
from web.access import public
from web.award_store import Award
from web.badge_desk import badge_desk
from web.credentials import SVG_LIMIT, Token, Verdict, read_badge
from web.representation import page
from web.verifying import is_ours, verify_here

blueprint = Blueprint("verify", __name__)

_AWARD_URL = re.compile(r"/badges/([0-9a-f]{32})$")


@dataclass(frozen=True)
class Answer:
    """What verifying an upload found."""

    verdict: Verdict | None = None
    """None for a badge of another issuer, and for what is no badge."""
    award: Award | None = None
    """The award it belongs to."""
    problem: str = ""
    """Why there is no verdict."""
    asked_for: str = ""
    """Whose it should be."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        if self.verdict is None:
            return {"valid": False, "problem": self.problem}
        return self.verdict.to_json()


@blueprint.get("/verify")
@public
def ask() -> Response:
    """Show the form."""
    return Response(render_template("badges/verify.html", answer=None), mimetype="text/html")


@blueprint.post("/verify")
@public
def verify() -> Response:
    """Say whether an uploaded or pasted badge is valid."""
    try:
        answer = _answer(_upload(), request.form.get("learner", "").strip())
    except InputInvalid as error:
        answer = Answer(problem=f"{error}.")
    return page("badges/verify.html", answer.to_json(), answer=answer)


def _upload() -> bytes:
    file = request.files.get("file")
    if file is not None and file.filename:
        data: bytes = file.read(SVG_LIMIT + 1)
        return data
    if text := request.form.get("jwt", "").strip():
        return text.encode("utf-8", "replace")
    raise InputInvalid(["Choose a file, or paste a VC-JWT"])


def _answer(data: bytes, learner: str) -> Answer:
    desk, token = badge_desk(), read_badge(data)
    if not is_ours(token, desk.issuer):
        return Answer(
            problem=f"This badge was not signed with our key. It names {_named(token)} as its "
            "issuer; ask there, or use `assay badge verify`."
        )
    verdict = verify_here(token, desk.issuer, desk.store, datetime.now(UTC), learner or None)
    return Answer(verdict, _award_of(verdict), asked_for=learner)


def _named(token: Token) -> str:
    return token.issuer or "nobody"


def _award_of(verdict: Verdict) -> Award | None:
    found = _AWARD_URL.search(verdict.claims.id)
    if found is None:
        return None
    try:
        return badge_desk().store.award(found[1])
    except NotFound:
        return None
