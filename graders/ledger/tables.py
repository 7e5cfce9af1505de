"""The tables of the ledger: attempts, and the reports that are never changed.

`reports` is append-only (triggers refuse UPDATE and DELETE), chained by hash and signed.
`verdicts` holds one row for each result of a report, written in the same transaction, for queries.
`statements` holds what people say about verdicts, append-only, chained and signed like reports.
Who, which lab and which seed an attempt is cannot be changed either; only where it is in its life.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy import text as sql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """Base of the ledger's tables."""


class StoredBytes(LargeBinary):
    """Bytes, also where somebody stored text in their place: SQLite keeps whatever it is given."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], bytes]:
        """Return what turns a stored value into bytes."""
        return _as_bytes


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return b"" if value is None else str(value).encode("utf-8", "replace")


class AttemptState(StrEnum):
    """Where an attempt is in its life."""

    STARTING = "starting"
    """Its cluster is being made."""
    OPEN = "open"
    """The learner works."""
    FINISHED = "finished"
    """The learner finished it; the cluster is gone or going."""
    EXPIRED = "expired"
    """Its time ran out; the cluster is gone or going."""
    BROKEN = "broken"
    """It could not be started; costs the learner nothing."""


LIVE_STATES = frozenset({AttemptState.STARTING, AttemptState.OPEN})
"""An attempt in one of these holds a cluster; a learner has at most one for a lab."""


LEARNER_LIMIT = 255
"""Characters of a learner's name, as in JupyterHub."""


class AttemptRow(Base):
    """One try of one learner at one lab."""

    __tablename__ = "attempts"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    learner: Mapped[str] = mapped_column(String(LEARNER_LIMIT))
    lab: Mapped[str] = mapped_column(String(64))
    lab_version: Mapped[str] = mapped_column(String(32))
    seed: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    provider: Mapped[str] = mapped_column(String(32))
    cluster: Mapped[str] = mapped_column(String(64))
    """Name of its cluster, decided before the cluster exists."""
    cluster_uid: Mapped[str] = mapped_column(String(64), default="")
    kubernetes: Mapped[str] = mapped_column(String(32), default="")
    assurance: Mapped[str] = mapped_column(String(16))
    """`practice`, `isolated` or `proctored`."""
    baseline: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    """Identities (uids) recorded after set-up, before the learner could act."""
    drawn: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict, server_default="{}")
    """The parameters as its seed drew them at the start."""
    problem: Mapped[str] = mapped_column(Text, default="")
    """Why it is broken, for people."""
    started_at: Mapped[str] = mapped_column(String(32))
    """RFC 3339, UTC; so are the two below."""
    deadline_at: Mapped[str] = mapped_column(String(32))
    finished_at: Mapped[str] = mapped_column(String(32), default="")

    __table_args__ = (
        Index(
            "one_live_attempt_per_learner_and_lab",
            "learner",
            "lab",
            unique=True,
            sqlite_where=sql("state IN ('starting', 'open')"),
            postgresql_where=sql("state IN ('starting', 'open')"),
        ),
        Index("ix_attempts_learner_lab", "learner", "lab"),
        Index("ix_attempts_lab", "lab"),
    )


class RenderedLabRow(Base):
    """The files of the lab as they were filled in when an attempt started. Never changed."""

    __tablename__ = "rendered_labs"

    attempt: Mapped[str] = mapped_column(ForeignKey("attempts.id"), primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    """JSON, compressed with zlib."""


class ReportRow(Base):
    """One signed report. The database refuses to change or delete it."""

    __tablename__ = "reports"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    attempt: Mapped[str] = mapped_column(ForeignKey("attempts.id"), index=True)
    body: Mapped[bytes] = mapped_column(StoredBytes)
    """The canonical JSON of the report."""
    previous: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 link of the report before it; unique, so that the chain cannot fork."""
    link: Mapped[str] = mapped_column(String(64), unique=True)
    """SHA-256 of `previous` and body."""
    signature: Mapped[bytes] = mapped_column(StoredBytes)
    """Ed25519 over `link`, by the proctor's key."""
    evidence: Mapped[str] = mapped_column(String(80), server_default="", index=True)
    """Digest of the evidence that the report names; empty where it names none."""

    __table_args__ = ({"sqlite_autoincrement": True},)


class VerdictRow(Base):
    """One result of one report."""

    __tablename__ = "verdicts"

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    report: Mapped[str] = mapped_column(ForeignKey("reports.id"), index=True)
    attempt: Mapped[str] = mapped_column(ForeignKey("attempts.id"), index=True)
    task: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(8))
    message: Mapped[str] = mapped_column(Text)
    at: Mapped[str] = mapped_column(String(32))
    """When its report was finished; RFC 3339, UTC."""
    regrade_of: Mapped[str] = mapped_column(String(32), server_default="")
    """Of a regrade: id of the report whose verdict it takes the place of; empty otherwise."""


class StatementRow(Base):
    """One signed statement of a person. The database refuses to change or delete it."""

    __tablename__ = "statements"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    id: Mapped[str] = mapped_column(String(32), unique=True)
    attempt: Mapped[str] = mapped_column(ForeignKey("attempts.id"), index=True)
    answers: Mapped[str | None] = mapped_column(ForeignKey("statements.id"), unique=True)
    """Of an answer: the appeal; unique, so that an appeal has one answer."""
    body: Mapped[bytes] = mapped_column(StoredBytes)
    """The canonical JSON of the statement."""
    previous: Mapped[str] = mapped_column(String(64), unique=True)
    link: Mapped[str] = mapped_column(String(64), unique=True)
    signature: Mapped[bytes] = mapped_column(StoredBytes)

    __table_args__ = ({"sqlite_autoincrement": True},)


def timestamp(moment: datetime) -> str:
    """Return a moment as stored: RFC 3339 with seconds, UTC, `Z`."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
