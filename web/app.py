"""The app: settings, parts, door, pages."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import Flask

from web import (
    appeals,
    attempt_pages,
    badges,
    catalogue,
    clusters,
    following,
    instructor,
    issuer_pages,
    labs,
    ledger_pages,
    progress,
    report_cards,
    sign_in_pages,
    small_pages,
    verify_page,
)
from web.access import person_or_none, public, register_door
from web.badge_desk import register_badges
from web.error_pages import register_error_pages
from web.forms import register_forms
from web.headers import register_headers
from web.phrases import register_phrases
from web.secret import site_secret
from web.settings import Settings, read_settings
from web.sign_ins import LIFETIME
from web.site import open_site, register_site

_PAGES = (
    catalogue,
    labs,
    following,
    progress,
    badges,
    verify_page,
    issuer_pages,
    instructor,
    clusters,
    appeals,
    attempt_pages,
    report_cards,
    ledger_pages,
    sign_in_pages,
    small_pages,
)


def create_app(config: Mapping[str, str] | None = None) -> Flask:
    """Make the site.

    Args:
        config: the variables of `web.settings`; those of the environment by default.

    Raises:
        InputInvalid: a variable is missing or wrong.
        LedgerError: the database cannot be opened.
    """
    settings = read_settings(os.environ if config is None else config)
    secret = site_secret()
    app = Flask("web", static_url_path=f"{settings.prefix}/static")
    _configure(app, settings, secret)
    parts = open_site(settings, secret)
    register_site(app, parts)
    register_badges(app, parts)
    register_headers(app, secure=settings.secure)
    register_door(app, sign_in_pages.begin_sign_in)
    register_error_pages(app)
    register_forms(app)
    register_phrases(app)
    for pages in _PAGES:
        app.register_blueprint(pages.blueprint, url_prefix=settings.prefix)
    _tell_templates(app, settings)
    return app


def _tell_templates(app: Flask, settings: Settings) -> None:
    """Give every template who asks, and what the layout needs."""
    style = hashlib.sha256((Path(app.static_folder or "") / "site.css").read_bytes())
    version = style.hexdigest()[:12]

    def context() -> dict[str, Any]:
        return {
            "person": person_or_none(),
            "hub_url": settings.hub_url,
            "style_version": version,
            "live_updates": settings.htmx.is_file(),
        }

    app.context_processor(context)


def _configure(app: Flask, settings: Settings, secret: bytes) -> None:
    app.config.update(
        SECRET_KEY=secret,
        SESSION_COOKIE_NAME="assay-web",
        SESSION_COOKIE_PATH=settings.prefix,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        SESSION_COOKIE_SECURE=settings.secure,
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LIFETIME,
        SEND_FILE_MAX_AGE_DEFAULT=timedelta(days=1),
        MAX_CONTENT_LENGTH=2 * 1024 * 1024,
    )
    public(app.view_functions["static"])
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    app.json.sort_keys = False  # type: ignore[attr-defined]
