"""Badge desk: what the pages of badges stand on, made once for the whole app."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from flask import Flask, current_app, url_for

from web.award_store import AwardStore
from web.awards import AwardOffice
from web.completion import Completion
from web.issuer import LocalIssuer, issuer_at, remember_address
from web.site import Site

_EXTENSION = "assay_badges"


@dataclass(frozen=True)
class BadgeDesk:
    """Who issues, and what was issued."""

    issuer: LocalIssuer
    store: AwardStore
    office: AwardOffice
    completion: Completion


def register_badges(app: Flask, parts: Site) -> None:
    """Make the desk known to the pages of an app, and the page of badges to its navigation.

    Raises:
        InputInvalid: the public address cannot name an issuer.
    """
    settings = parts.settings
    issuer = issuer_at(settings.public_url, settings.prefix, settings.issuer_name)
    remember_address(settings.public_url)
    store = AwardStore(parts.database)
    office = AwardOffice(parts.ledger, store, issuer)
    app.extensions[_EXTENSION] = BadgeDesk(issuer, store, office, Completion(parts.ledger))
    style = (Path(app.static_folder or "") / "badges.css").read_bytes()
    version = hashlib.sha256(style).hexdigest()[:12]
    app.context_processor(
        lambda: {"badges_page": url_for("badges.mine"), "badge_style": version},
    )


def badge_desk() -> BadgeDesk:
    """Return the desk of the running app."""
    desk: BadgeDesk = current_app.extensions[_EXTENSION]
    return desk
