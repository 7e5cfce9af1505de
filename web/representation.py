"""Representation: the same page for people (HTML) and for programs (JSON).

A page that is data has a twin: `?format=json`, or `Accept: application/json`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from flask import jsonify, make_response, render_template, request
from werkzeug.wrappers import Response

_JSON = ("application/json", "application/problem+json")


def wants_json(*, by_header_only: bool = False) -> bool:
    """Return whether a program asks.

    Args:
        by_header_only: do not look at `?format=json`, which people type, too.
    """
    if request.args.get("format") == "json" and not by_header_only:
        return True
    best = request.accept_mimetypes.best_match(["text/html", *_JSON])
    return best in _JSON


def page(template: str, document: dict[str, Any], **context: Any) -> Response:
    """Answer with `document` for a program, and with the template for people.

    Args:
        template: name of the template.
        document: plain JSON values, the whole content of the page.
        context: what the template needs; it does not see `document`.
    """
    if wants_json():
        reply = jsonify(document)
    else:
        reply = make_response(render_template(template, **context))
    reply.vary.add("Accept")
    return reply


def problem(status: int, detail: str) -> Response:
    """Answer a program with an error (RFC 9457)."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    reply = jsonify(document)
    reply.status_code = status
    reply.content_type = "application/problem+json"
    return reply
