"""Following: lets the page of a lab hear from the proctor at once when something becomes true."""

from __future__ import annotations

from urllib.parse import urlsplit

from flask import Blueprint, jsonify
from werkzeug.wrappers import Response

from web.access import this_token
from web.labs import lab_called, live_attempt
from web.proctor import ProctorRefused
from web.site import site

blueprint = Blueprint("following", __name__)
COOKIE = "assay-ticket"
"""What the proctor calls it."""


@blueprint.post("/labs/<slug>/follow")
def follow(slug: str) -> Response:
    """Answer with the address of the live attempt's events, and a cookie that opens them.

    204 when there is nothing to follow: the page asks for itself every two seconds anyway. The
    cookie holds a ticket for this attempt alone, for a minute, and is sent nowhere else.
    """
    live = live_attempt(lab_called(slug))
    if live is None:
        return Response(status=204)
    try:
        ticket = site().proctor.ticket(live.id, this_token() or "")
    except ProctorRefused:
        return Response(status=204)
    settings = site().settings
    events = f"{urlsplit(settings.proctor_url).path}/attempts/{live.id}/events"
    reply = jsonify(events=events)
    reply.set_cookie(
        COOKIE,
        ticket.value,
        max_age=ticket.seconds,
        path=events,
        secure=settings.secure,
        httponly=True,
        samesite="Strict",
    )
    return reply
