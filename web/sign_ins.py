"""Sign-ins: a browser holds a random number, the server holds the hub's token for it.

The table knows the numbers only as SHA-256 and the tokens only sealed: a copy of the database
signs nobody in.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import UTC, datetime, timedelta

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import LargeBinary, String, delete, select
from sqlalchemy.orm import Mapped, mapped_column

from graders.ledger.tables import timestamp
from web.database import WebBase, WebDatabase

LIFETIME = timedelta(days=14)
"""As long as the hub's own tokens live by default; the hub ends one earlier when it is revoked."""


class SignInRow(WebBase):
    """One browser that is signed in."""

    __tablename__ = "web_sign_ins"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the number in the browser's cookie."""
    token: Mapped[bytes] = mapped_column(LargeBinary)
    """The hub's OAuth token of this person, sealed."""
    learner: Mapped[str] = mapped_column(String(255))
    expires_at: Mapped[str] = mapped_column(String(32), index=True)
    """RFC 3339, UTC."""


class SignIns:
    """Who is signed in."""

    def __init__(self, database: WebDatabase, seal: Fernet) -> None:
        self._database = database
        self._seal = seal

    def add(self, token: str, learner: str) -> str:
        """Remember a token and return the number for the browser; forget what has expired."""
        number = secrets.token_urlsafe(32)
        now = datetime.now(UTC)
        with self._database.writing() as session:
            session.execute(delete(SignInRow).where(SignInRow.expires_at < timestamp(now)))
            session.add(
                SignInRow(
                    id=_digest(number),
                    token=self._seal.encrypt(token.encode()),
                    learner=learner,
                    expires_at=timestamp(now + LIFETIME),
                )
            )
        return number

    def token(self, number: str) -> str | None:
        """Return the token behind a browser's number; None when it is unknown or expired."""
        with self._database.reading() as session:
            row = session.execute(
                select(SignInRow.token, SignInRow.expires_at).where(SignInRow.id == _digest(number))
            ).one_or_none()
        if row is None or row.expires_at < timestamp(datetime.now(UTC)):
            return None
        try:
            return self._seal.decrypt(row.token).decode()
        except InvalidToken:
            return None

    def remove(self, number: str) -> None:
        """Forget a browser."""
        with self._database.writing() as session:
            session.execute(delete(SignInRow).where(SignInRow.id == _digest(number)))


def _digest(number: str) -> str:
    return hashlib.sha256(number.encode()).hexdigest()
