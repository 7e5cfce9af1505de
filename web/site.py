"""Site: the parts that every page may use, made once for the whole app."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.fernet import Fernet
from flask import Flask, current_app

from graders.ledger import Ledger, open_ledger
from web.database import WebDatabase, open_web_database
from web.identity import HubIdentity
from web.proctor import Proctor
from web.record import Record
from web.secret import seal_for
from web.settings import Settings
from web.shelf import Shelf
from web.sign_ins import SignIns

_EXTENSION = "assay"


@dataclass(frozen=True)
class Site:
    """What the pages stand on."""

    settings: Settings
    database: WebDatabase
    """The site's own tables."""
    ledger: Ledger
    """Only read here."""
    record: Record
    """The ledger, read for whole pages."""
    shelf: Shelf
    """The labs."""
    identity: HubIdentity
    sign_ins: SignIns
    proctor: Proctor
    state_seal: Fernet
    """Seals what a browser keeps during a sign-in."""

    def close(self) -> None:
        """Close every connection."""
        self.identity.close()
        self.ledger.close()
        self.database.close()


def open_site(settings: Settings, secret: bytes) -> Site:
    """Open the database and the ledger, and put the parts together.

    Raises:
        LedgerError: the database cannot be opened.
    """
    ledger = open_ledger(settings.database_url)
    database = open_web_database(settings.database_url)
    return Site(
        settings=settings,
        database=database,
        ledger=ledger,
        record=Record(database, ledger),
        shelf=Shelf(settings.capabilities),
        identity=HubIdentity(settings),
        sign_ins=SignIns(database, seal_for(secret, "sign-ins")),
        proctor=Proctor(settings.proctor_url),
        state_seal=seal_for(secret, "sign-in state"),
    )


def register_site(app: Flask, parts: Site) -> None:
    """Make the parts known to the pages of an app."""
    app.extensions[_EXTENSION] = parts


def site() -> Site:
    """Return the parts of the running app."""
    parts: Site = current_app.extensions[_EXTENSION]
    return parts
