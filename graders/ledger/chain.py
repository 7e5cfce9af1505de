"""Chain: each report is linked to the one before it by hash, and the link is signed.

    link(n) = SHA-256(link(n - 1) in hexadecimal, a line feed, canonical JSON of report n)

A changed byte breaks its own link, a removed report the link after it, and a rewritten chain the
signatures. What was cut off the end shows against the seal (`graders.ledger.keys`).
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

GENESIS = "0" * 64
"""What the first report is linked to."""


def link_of(previous: str, body: bytes) -> str:
    """Return the link of a report as 64 hexadecimal digits.

    Args:
        previous: link of the report before it, `GENESIS` for the first.
        body: canonical JSON of the report.
    """
    return hashlib.sha256(previous.encode("ascii") + b"\n" + body).hexdigest()


def is_signed(key: Ed25519PublicKey, link: str, signature: bytes) -> bool:
    """Return whether `signature` over `link` was made by the private half of `key`."""
    try:
        key.verify(signature, link.encode("ascii", "replace"))
    except InvalidSignature:
        return False
    return True
