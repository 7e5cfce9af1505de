"""Chain: each report is linked to the one before it by hash, and the link is signed.

    link(n) = SHA-256(link(n - 1) in hexadecimal, a line feed, canonical JSON of report n)

A changed byte breaks its own link, a removed report the link after it, and a rewritten chain the
signatures. What was cut off the end shows against the seal (`graders.ledger.keys`).
The statements of people are chained the same way, apart from the reports.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from sqlalchemy import Connection, Select, func, insert, select

from graders.ledger.keys import Seal
from graders.ledger.tables import ReportRow, StatementRow

GENESIS = "0" * 64
"""What the first report is linked to."""
Row = TypeVar("Row", ReportRow, StatementRow)


def newest_link(table: type[Row]) -> Select[str]:
    """Return the query for the link of the newest row of a chain; the first one has none before."""
    return select(table.link).order_by(table.number.desc()).limit(1)


class Chain(Generic[Row]):
    """The chain that the rows of one table make. Safe to share between threads and processes."""

    def __init__(self, table: type[Row]) -> None:
        """Read and extend the rows of `table`."""
        self._table: type[Row] = table
        self._insert = insert(table)
        self._newest = Seal(0, GENESIS)

    def last_link(self, connection: Connection) -> str:
        """Return the link that the next row refers to.

        What is read after this and before `extend` still holds when `extend` succeeds: whoever
        appended meanwhile took the place.
        """
        return connection.scalar(newest_link(self._table)) or GENESIS

    def extend(
        self,
        connection: Connection,
        values: Mapping[str, Any],
        key: Ed25519PrivateKey,
        previous: str,
    ) -> Seal:
        """Put a row with id, attempt and body behind the one that ends with `previous`.

        Returns:
            The new seal.

        Raises:
            IntegrityError: another writer took the place.
        """
        link = link_of(previous, values["body"])
        signature = key.sign(link.encode("ascii"))
        row = {**values, "previous": previous, "link": link, "signature": signature}
        connection.execute(self._insert, row)
        self._newest = Seal(self._length(connection, previous), link)
        return self._newest

    def _length(self, connection: Connection, previous: str) -> int:
        """Return how many rows there are; counted only where others have appended.

        A link stands for everything before it, so what ends with it has one length.
        """
        known = self._newest
        if known.link == previous:
            return known.length + 1
        return connection.scalar(select(func.count()).select_from(self._table)) or 0


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
