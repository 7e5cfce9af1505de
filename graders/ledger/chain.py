"""Chain: each report is linked to the one before it by hash, and the link is signed.

    link(n) = SHA-256(link(n - 1) in hexadecimal, a line feed, canonical JSON of report n)

A changed byte breaks its own link, a removed report the link after it, and a rewritten chain the
signatures. What was cut off the end shows against the seal (`graders.ledger.keys`).
The statements of people are chained the same way, apart from the reports.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from graders.ledger.keys import Seal
from graders.ledger.tables import ReportRow, StatementRow

GENESIS = "0" * 64
"""What the first report is linked to."""
Row = TypeVar("Row", ReportRow, StatementRow)


def last_link(session: Session, table: type[Row]) -> str:
    """Return the link that the next row of a chain refers to.

    What is read after this and before `extend` still holds when `extend` succeeds: whoever
    appended meanwhile took the place.
    """
    newest = select(table.link).order_by(table.number.desc()).limit(1)
    return session.scalar(newest) or GENESIS


def extend(session: Session, row: Row, key: Ed25519PrivateKey, previous: str) -> Seal:
    """Put a row with id, attempt and body behind the one that ends with `previous`.

    Returns:
        The new seal.

    Raises:
        IntegrityError: another writer took the place.
    """
    row.previous = previous
    row.link = link_of(previous, row.body)
    row.signature = key.sign(row.link.encode("ascii"))
    session.add(row)
    session.flush()
    length = session.scalar(select(func.count()).select_from(type(row))) or 0
    return Seal(length, row.link)


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
