"""The tables of the broker: who has which cluster, and who waits for one."""

from __future__ import annotations

from sqlalchemy import Boolean, Float, Integer, String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class BrokerBase(DeclarativeBase):
    """Base of the broker's tables."""


class LeaseRow(BrokerBase):
    """A cluster that is somebody's. The row is there before the cluster, and goes after it."""

    __tablename__ = "leases"

    cluster: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner: Mapped[str] = mapped_column(String(255), unique=True)
    provider: Mapped[str] = mapped_column(String(32))
    flavour: Mapped[str] = mapped_column(String(16))
    warm: Mapped[bool] = mapped_column(Boolean)
    reserved_at: Mapped[str] = mapped_column(String(32))
    """RFC 3339, UTC; so are the three below."""
    opened_at: Mapped[str] = mapped_column(String(32), default="")
    expires_at: Mapped[str] = mapped_column(String(32))
    paused_at: Mapped[str] = mapped_column(String(32), default="")
    extensions: Mapped[int] = mapped_column(Integer, default=0)


class EndedLeaseRow(BrokerBase):
    """How long a lease was held; the newest ones tell those who wait what to expect."""

    __tablename__ = "ended_leases"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    flavour: Mapped[str] = mapped_column(String(16))
    warm: Mapped[bool] = mapped_column(Boolean)
    held_seconds: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[str] = mapped_column(String(32))


class SeatRow(BrokerBase):
    """Somebody who waits for room."""

    __tablename__ = "queue"

    number: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    """The order of coming."""
    seat: Mapped[str] = mapped_column(String(384), unique=True)
    """Who waits for what, for example `alice/dra-01`."""
    since: Mapped[str] = mapped_column(String(32))
    seen_at: Mapped[float] = mapped_column(Float)
    """When it last said that it still waits; seconds since 1970."""

    __table_args__ = ({"sqlite_autoincrement": True},)
