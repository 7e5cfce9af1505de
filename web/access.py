"""Access: every page asks for a sign-in unless it says `@public`.

    @blueprint.get("/verify")
    @public
    def verify() -> Response: ...

    @blueprint.get("/instructor")
    @instructors_only
    def table() -> Response: ...

`this_person()` is who asks.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from flask import Flask, abort, current_app, g, request, session
from werkzeug.wrappers import Response

from web.identity import HubSilent, Person
from web.site import site

P = ParamSpec("P")
R = TypeVar("R")

_PUBLIC = "__assay_public__"
SIGN_IN_KEY = "sign_in"
"""Where the browser's number is in the session cookie."""
_OUTSIDER = "Your account takes part in no course here; ask whoever runs this installation."


def public(view: Callable[P, R]) -> Callable[P, R]:
    """Let everybody see a page, also without a sign-in. Directly below the route."""
    setattr(view, _PUBLIC, True)
    return view


def instructors_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse everybody who is no instructor (403)."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not this_person().instructor:
            abort(403, "This page is for instructors. Your own results are under My progress.")
        return view(*args, **kwargs)

    return guarded


def staff_only(view: Callable[P, R]) -> Callable[P, R]:
    """Refuse everybody who may not read the work of all (403)."""

    @wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        if not this_person().staff:
            abort(403, "This page is for instructors and certifiers.")
        return view(*args, **kwargs)

    return guarded


def this_person() -> Person:
    """Return who asks; only for pages that are not public."""
    person: Person = g.person
    return person


def person_or_none() -> Person | None:
    """Return who asks as far as it is known, for public and error pages; never raises."""
    try:
        return _identify()
    except HubSilent:
        return None


def this_token() -> str | None:
    """Return the hub token of who asks: from the sign-in, or sent along by a program that reads."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() in {"token", "bearer"} and given:
        return given.strip()
    number = session.get(SIGN_IN_KEY)
    return site().sign_ins.token(number) if number else None


def register_door(app: Flask, begin_sign_in: Callable[[], Response]) -> None:
    """Keep the door of the app.

    Args:
        app: the site.
        begin_sign_in: answers somebody who has yet to sign in.
    """

    def keep_door() -> Any:
        view = current_app.view_functions.get(request.endpoint or "")
        if view is None:
            person_or_none()  # so that the page that says 404 knows who asked
            return None
        if hasattr(view, _PUBLIC):
            return None
        person = _identify()
        if person is None:
            return begin_sign_in()
        if not (person.learner or person.staff):
            abort(403, _OUTSIDER)
        return None

    app.before_request(keep_door)


def _identify() -> Person | None:
    if "person" not in g:
        token = this_token()
        g.person = site().identity.person(token) if token else None
    person: Person | None = g.person
    return person
