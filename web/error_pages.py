"""Error pages: one sentence that says what happened, and what to do next."""

from __future__ import annotations

import logging
import secrets
from http import HTTPStatus

from flask import Flask, g, make_response, render_template, request
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.wrappers import Response

from clusters.errors import AssayError, NotFound
from web.identity import HubSilent
from web.representation import problem, wants_json

log = logging.getLogger(__name__)

_SENTENCES = {
    400: "The site could not read this request.",
    403: "You may not see this page.",
    404: "There is no such page.",
    405: "This page cannot be used that way.",
}

_TITLES = {
    400: "That did not work",
    403: "Not for this account",
    404: "Nothing here",
    500: "Our fault",
    503: "One moment",
}


def register_error_pages(app: Flask) -> None:
    """Give every error of the app a page."""
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(NotFound, _not_found)
    app.register_error_handler(HubSilent, _hub_silent)
    app.register_error_handler(Exception, _our_fault)


def _http_error(error: HTTPException) -> Response:
    if error.response is not None or error.code is None or error.code < 400:
        return error.get_response()
    ready_made = error.description == default_exceptions[error.code].description
    sentence = _SENTENCES.get(error.code) if ready_made else error.description
    reply = error_page(error.code, sentence or error.name + ".")
    reply.headers.extend(
        (name, value) for name, value in error.get_headers() if name.lower() != "content-type"
    )
    return reply


def _not_found(error: NotFound) -> Response:
    return error_page(404, _SENTENCES[404])


def _hub_silent(error: HubSilent) -> Response:
    reply = error_page(503, "JupyterHub does not answer just now. Your work is safe; try again.")
    reply.headers["Retry-After"] = "5"
    return reply


def _our_fault(error: Exception) -> Response:
    """Answer 500 with a number that finds the traceback in the log."""
    number = secrets.token_hex(4)
    log.error("%s %s failed (%s)", request.method, request.path, number, exc_info=error)
    sentence = "Something broke on our side; nothing of yours is lost."
    person = g.get("person")
    if isinstance(error, AssayError) and person and person.instructor:
        sentence += f" {error}."  # may name folders: not for everybody
    return error_page(500, f"{sentence} Report number: {number}.")


def error_page(code: int, sentence: str) -> Response:
    """Answer with an error, to a program or to people."""
    if wants_json():
        return problem(code, sentence)
    g.setdefault("person", None)  # asking the hub or the database could be what failed
    title = _TITLES.get(code, HTTPStatus(code).phrase)
    html = render_template("error.html", code=code, title=title, sentence=sentence)
    return make_response(html, code)
