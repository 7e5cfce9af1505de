"""Issuer: the files by which everybody can verify our badges, the DID document and the lists."""

from __future__ import annotations

from datetime import UTC, datetime

from flask import Blueprint, abort
from werkzeug.wrappers import Response

from web.access import public
from web.badge_desk import badge_desk
from web.open_files import open_file

blueprint = Blueprint("issuer", __name__)


@blueprint.get("/did.json")
@public
def did_document() -> Response:
    """Publish the issuer's key (did:web)."""
    return open_file(badge_desk().issuer.document(), "application/did+json")


@blueprint.get("/issuer.pub.pem")
@public
def public_key() -> Response:
    """Publish the issuer's key as a PEM file, for `assay badge verify --key`."""
    pem = badge_desk().issuer.key.public_pem().decode("ascii")
    return open_file(pem, "application/x-pem-file")


@blueprint.get("/status/<int:number>")
@public
def status_list(number: int) -> Response:
    """Publish a list of revocations as of now, signed (Bitstring Status List)."""
    desk = badge_desk()
    if number not in desk.store.list_numbers():
        abort(404, "There is no such list of revocations.")
    url, now = desk.issuer.list_url(number), datetime.now(UTC)
    signed = desk.issuer.signed_list(url, desk.store.revoked(number), now)
    return open_file(signed, "application/vc+jwt")
