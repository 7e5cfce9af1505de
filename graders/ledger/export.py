"""Export: everything that was signed about one attempt, to be verified by anybody anywhere."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from graders.ledger.ledger import Ledger

SCHEMA = "assay.dev/attempt/v1"


def export_attempt(ledger: Ledger, id: str) -> dict[str, Any]:
    """Return an attempt and its signed reports as one document.

    Each report has `body`, the text that was signed; `link`, the SHA-256 of `previous`, a line
    feed and `body`; and `signature`, Ed25519 over the link by `public_key`.

    Raises:
        NotFound: there is no such attempt.
    """
    return {
        "schema": SCHEMA,
        "attempt": ledger.attempt(id).to_json(),
        "public_key": ledger.public_key_pem(),
        "reports": [
            {
                "body": signed.body.decode(),
                "previous": signed.previous,
                "link": signed.link,
                "signature": b64encode(signed.signature).decode("ascii"),
            }
            for signed in ledger.signed_reports(id)
        ],
    }
