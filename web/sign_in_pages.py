"""Signing in and out: the site is an OAuth client of the hub, with PKCE.

Each sign-in has a state and a cookie of its own, so that several tabs can sign in at once. The
cookie is sealed and carries what must be known at the end; nothing is kept on the server until
the hub has answered.
"""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import InvalidToken
from flask import Blueprint, abort, g, redirect, request, session, url_for
from werkzeug.wrappers import Response

from web.access import SIGN_IN_KEY, public
from web.identity import SignInRefused
from web.representation import problem, wants_json
from web.site import site

blueprint = Blueprint("sign_in", __name__)

_MINUTES = 10
"""How long a sign-in may take."""
_TOO_LATE = "This sign-in took too long, or began in another browser. Start again."


def begin_sign_in() -> Response:
    """Send a browser to the hub, and a program away with 401."""
    session.pop(SIGN_IN_KEY, None)
    if request.headers.get("HX-Request"):
        return Response(status=401, headers={"HX-Refresh": "true"})
    if wants_json(by_header_only=True):
        return problem(401, "Sign in, or send a token of the hub: Authorization: token ...")
    return _to_hub(safe_target(request.full_path if request.method == "GET" else None))


@blueprint.get("/sign-in")
@public
def sign_in() -> Response:
    """Begin a sign-in by hand and come back to `next`, a page of the site."""
    return _to_hub(safe_target(request.args.get("next")))


@blueprint.get("/oauth_callback")
@public
def oauth_callback() -> Response:
    """End a sign-in: the hub sent the browser back."""
    kept = _open_state(request.args.get("state", ""))
    if reason := request.args.get("error_description") or request.args.get("error"):
        abort(403, f"The hub did not let you in: {reason}.")
    try:
        token = site().identity.end(request.args.get("code", ""), kept["verifier"])
    except SignInRefused:
        abort(403, _TOO_LATE)
    person = site().identity.person(token)
    if person is None:
        abort(403, "Your account may not use this site; ask who runs this installation.")
    session.clear()
    session.permanent = True
    session[SIGN_IN_KEY] = site().sign_ins.add(token, person.name)
    reply = redirect(kept["next"])
    reply.delete_cookie(_cookie_name(request.args["state"]), path=site().settings.prefix)
    return reply


@blueprint.post("/sign-out")
@public
def sign_out() -> Response:
    """Forget this browser here and at the hub."""
    if number := session.get(SIGN_IN_KEY):
        site().sign_ins.remove(number)
    session.clear()
    g.pop("person", None)
    return redirect(f"{site().settings.hub_url}logout", code=303)


def safe_target(address: str | None) -> str:
    r"""Return the path of a page of the site; anything else becomes the catalogue.

    Never another host: neither `//host` nor `/\host`, which browsers read the same way.
    """
    start = url_for("catalogue.show")
    parts = urlsplit(address or "")
    elsewhere = parts.scheme or parts.netloc or not parts.path.startswith(start)
    tricky = "\\" in parts.path or "//" in parts.path or not parts.path.isprintable()
    if elsewhere or tricky or parts.path == url_for("sign_in.oauth_callback"):
        return start
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _to_hub(target: str) -> Response:
    state = secrets.token_urlsafe(24)
    begun = site().identity.begin(state)
    kept = {"state": state, "verifier": begun.verifier, "next": target}
    reply = redirect(begun.address)
    reply.set_cookie(
        _cookie_name(state),
        site().state_seal.encrypt(json.dumps(kept).encode()).decode(),
        max_age=timedelta(minutes=_MINUTES),
        path=site().settings.prefix,
        secure=site().settings.secure,
        httponly=True,
        samesite="Lax",
    )
    return reply


def _open_state(state: str) -> dict[str, Any]:
    sealed = request.cookies.get(_cookie_name(state), "").encode()
    try:
        opened = site().state_seal.decrypt(sealed, ttl=_MINUTES * 60)
    except InvalidToken:
        abort(403, _TOO_LATE)
    kept: dict[str, Any] = json.loads(opened)
    if not state or not secrets.compare_digest(kept["state"].encode(), state.encode()):
        abort(403, _TOO_LATE)
    return kept


def _cookie_name(state: str) -> str:
    return f"assay-sign-in-{state[:8]}"
