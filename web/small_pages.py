"""Small pages: health, and the one script."""

from __future__ import annotations

from flask import Blueprint, abort, jsonify, send_file
from werkzeug.wrappers import Response

from web.access import public
from web.site import site

blueprint = Blueprint("site", __name__)


@blueprint.get("/health")
@public
def health() -> Response:
    """Say that the site answers."""
    return jsonify(status="ok")


@blueprint.get("/htmx.js")
@public
def htmx() -> Response:
    """Serve htmx from where npm installed it."""
    script = site().settings.htmx
    if not script.is_file():
        abort(404, "The live updates are not installed: `make setup` does it.")
    return send_file(script, mimetype="text/javascript", conditional=True)
