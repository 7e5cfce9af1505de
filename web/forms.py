"""Forms: each carries a token of its session, so that no other page can send it for a person."""

from __future__ import annotations

from flask import Flask
from flask_wtf.csrf import CSRFError, CSRFProtect  # type: ignore[import-untyped]
from werkzeug.wrappers import Response

from web.error_pages import error_page

_SENTENCE = "This form is too old, or another site sent it. Open its page again and retry."


def register_forms(app: Flask) -> None:
    """Refuse every form without its token; `{{ csrf_token() }}` gives it to a template."""
    app.config.setdefault("WTF_CSRF_TIME_LIMIT", None)
    CSRFProtect(app)
    app.register_error_handler(CSRFError, _refuse)


def _refuse(error: Exception) -> Response:
    return error_page(400, _SENTENCE)
