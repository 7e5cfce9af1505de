"""Headers: what browsers are told not to do with our pages.

Learners' notebooks live on the same origin unless the hub gives them subdomains, so `'self'` is no
boundary: scripts need the nonce of the page.
"""

from __future__ import annotations

import secrets

from flask import Flask, g, request
from werkzeug.wrappers import Response

_FIXED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Cache-Control": "no-store",
}


def nonce() -> str:
    """Return the nonce of the scripts in this page."""
    if "nonce" not in g:
        g.nonce = secrets.token_urlsafe(16)
    value: str = g.nonce
    return value


def register_headers(app: Flask, *, secure: bool) -> None:
    """Send security headers with every answer; a view's own header wins.

    Args:
        app: the site.
        secure: whether browsers come by https only.
    """
    app.context_processor(lambda: {"nonce": nonce()})

    def add(reply: Response) -> Response:
        if request.endpoint in {"static", "site.htmx"} and reply.status_code == 200:
            reply.headers["Cache-Control"] = "public, max-age=86400"
        for name, value in _FIXED.items():
            reply.headers.setdefault(name, value)
        reply.headers.setdefault("Content-Security-Policy", _content_security_policy())
        if secure:
            reply.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        return reply

    app.after_request(add)


def _content_security_policy() -> str:
    script = f"'nonce-{g.nonce}'" if "nonce" in g else "'none'"
    return (
        f"default-src 'none'; script-src {script}; style-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; "
        "base-uri 'none'"
    )
