"""Award store: the table of awards, one for each learner and path, whoever asks first."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Integer, String, Text, UniqueConstraint, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from clusters.errors import AssayError, NotFound
from web.credentials import BITS, Claims, read_claims, read_token, timestamp
from web.database import WebBase, WebDatabase
from web.issuer import LocalIssuer

_PER_LIST = BITS // 4
"""A list is left when it is a quarter full: random places stay easy to find."""
_TRIES = 20


class AwardRow(WebBase):
    """One badge that was issued."""

    __tablename__ = "web_awards"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Random; part of public addresses."""
    learner: Mapped[str] = mapped_column(String(255))
    path: Mapped[str] = mapped_column(String(64))
    credential: Mapped[str] = mapped_column(Text)
    """The VC-JWT as it was issued."""
    status_list: Mapped[int] = mapped_column(Integer)
    status_index: Mapped[int] = mapped_column(Integer)
    issued_at: Mapped[str] = mapped_column(String(32))
    """RFC 3339, UTC; so is the one below, empty while it is not revoked."""
    revoked_at: Mapped[str] = mapped_column(String(32), default="")
    revoked_reason: Mapped[str] = mapped_column(Text, default="")

    __table_args__ = (
        UniqueConstraint("learner", "path", name="one_award_per_learner_and_path"),
        UniqueConstraint("status_list", "status_index", name="one_bit_per_award"),
    )


@dataclass(frozen=True)
class Place:
    """Where a credential's bit of revocation is."""

    list: int
    index: int


@dataclass(frozen=True)
class Award:
    """The fact that a learner completed a path, with the credential that says so."""

    id: str
    """32 hexadecimal digits."""
    learner: str
    path: str
    """Id of the path."""
    credential: str
    """The VC-JWT."""
    status_list: int
    status_index: int
    issued_at: str
    """RFC 3339, UTC."""
    revoked_at: str = ""
    """Empty while it is not revoked."""
    revoked_reason: str = ""

    @property
    def revoked(self) -> bool:
        """Whether it was revoked."""
        return bool(self.revoked_at)

    @property
    def claims(self) -> Claims:
        """What its credential says."""
        return read_claims(read_token(self.credential).payload)

    def to_json(self, issuer: LocalIssuer) -> dict[str, Any]:
        """Return plain JSON values."""
        claims = self.claims
        return {
            "id": self.id,
            "learner": self.learner,
            "path": self.path,
            "name": claims.title,
            "assurance": claims.assurance,
            "issued_at": self.issued_at,
            "expires_at": claims.expires_at,
            "revoked_at": self.revoked_at,
            "revoked_reason": self.revoked_reason,
            "url": issuer.badge_url(self.id),
        }


Draft = Callable[[str, Place], str]
"""Signs the credential of an award, given its id and the place of its bit."""


class AwardStore:
    """The awards of this installation. Safe to share between threads and processes."""

    def __init__(self, database: WebDatabase) -> None:
        self._database = database

    def award(self, id: str) -> Award:
        """Return one award.

        Raises:
            NotFound: there is none with this id.
        """
        with self._database.reading() as session:
            row = session.get(AwardRow, id)
            if row is None:
                raise NotFound(f"there is no badge {id!r}; `assay badge list` shows them")
            return _award(row)

    def awards(self, learner: str | None = None, path: str | None = None) -> list[Award]:
        """Return the awards that match every given argument, newest first."""
        query = select(AwardRow).order_by(AwardRow.issued_at.desc(), AwardRow.id)
        if learner is not None:
            query = query.where(AwardRow.learner == learner)
        if path is not None:
            query = query.where(AwardRow.path == path)
        with self._database.reading() as session:
            return [_award(row) for row in session.scalars(query)]

    def issue(self, learner: str, path: str, draft: Draft, now: datetime) -> Award:
        """Return the award of this learner for this path, making it unless it exists.

        Of two processes that make it at once, one does, and both return that one.
        """
        for _ in range(_TRIES):
            try:
                with self._database.writing() as session:
                    row = _find(session, learner, path)
                    if row is None:
                        row = _new_row(session, learner, path, draft, now)
                        session.add(row)
                        session.flush()
                    return _award(row)
            except IntegrityError:
                continue  # another process took the award or the place
        raise AssayError("the badge could not be recorded; try again")

    def revoke(self, id: str, reason: str, now: datetime) -> Award:
        """Revoke an award; revoking it again changes nothing.

        Args:
            id: the award.
            reason: one sentence; everybody who looks at the badge reads it.
            now: the time of the revocation.

        Raises:
            NotFound: there is no such award.
        """
        with self._database.writing() as session:
            row = session.get(AwardRow, id, with_for_update=True)
            if row is None:
                raise NotFound(f"there is no badge {id!r}; `assay badge list` shows them")
            if not row.revoked_at:
                row.revoked_at = timestamp(now.astimezone(UTC))
                row.revoked_reason = reason
            return _award(row)

    def revoked(self, list_number: int) -> list[int]:
        """Return the indexes of the revoked awards in a status list."""
        query = select(AwardRow.status_index).where(
            AwardRow.status_list == list_number, AwardRow.revoked_at != ""
        )
        with self._database.reading() as session:
            return sorted(session.scalars(query))

    def list_numbers(self) -> range:
        """Return the numbers of the status lists; there is always the first."""
        with self._database.reading() as session:
            return range(1, (session.scalar(select(func.max(AwardRow.status_list))) or 1) + 1)


def _new_row(session: Session, learner: str, path: str, draft: Draft, now: datetime) -> AwardRow:
    id = secrets.token_hex(16)
    place = _free_place(session)
    return AwardRow(
        id=id,
        learner=learner,
        path=path,
        credential=draft(id, place),
        status_list=place.list,
        status_index=place.index,
        issued_at=timestamp(now),
        revoked_at="",
        revoked_reason="",
    )


def _free_place(session: Session) -> Place:
    """Choose a place nobody can guess from when the badge was issued."""
    count = session.scalar(select(func.count()).select_from(AwardRow)) or 0
    number = 1 + count // _PER_LIST
    while True:
        index = secrets.randbelow(BITS)
        taken = select(AwardRow.id).where(
            AwardRow.status_list == number, AwardRow.status_index == index
        )
        if session.scalar(taken) is None:
            return Place(number, index)


def _find(session: Session, learner: str, path: str) -> AwardRow | None:
    return session.scalar(
        select(AwardRow).where(AwardRow.learner == learner, AwardRow.path == path)
    )


def _award(row: AwardRow) -> Award:
    return Award(**{field.name: getattr(row, field.name) for field in fields(Award)})
