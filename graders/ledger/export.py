"""Export: everything that was signed about one attempt, to be verified by anybody anywhere."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from graders.ledger.ledger import Ledger, SignedReport

SCHEMA = "assay.dev/attempt/v1"


def export_attempt(ledger: Ledger, id: str) -> dict[str, Any]:
    """Return an attempt and its signed reports as one document.

    Each report has `body`, the text that was signed; `link`, the SHA-256 of `previous`, a line
    feed and `body`; and `signature`, Ed25519 over the link by `public_key`. So has each statement:
    an override, an appeal or its answer.

    Raises:
        NotFound: there is no such attempt.
    """
    return {
        "schema": SCHEMA,
        "attempt": ledger.attempt(id).to_json(),
        "public_key": ledger.public_key_pem(),
        "reports": [_signed(report) for report in ledger.signed_reports(id)],
        "statements": [_signed(statement) for statement in ledger.signed_statements(id)],
    }


def _signed(signed: SignedReport) -> dict[str, str]:
    return {
        "body": signed.body.decode(),
        "previous": signed.previous,
        "link": signed.link,
        "signature": b64encode(signed.signature).decode("ascii"),
    }
