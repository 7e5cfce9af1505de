"""Lease: a cluster that is somebody's until a certain time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row

from clusters.broker.tables import LeaseRow


class LeaseState(StrEnum):
    """Where a lease is in its life."""

    RESERVED = "reserved"
    """Its cluster is being made or dressed."""
    OPEN = "open"
    """Its owner works."""
    PAUSED = "paused"
    """Its cluster is frozen, until its owner comes back."""


@dataclass(frozen=True)
class Lease:
    """A cluster that is somebody's until a certain time."""

    cluster: str
    """Name of the cluster, decided before it exists."""
    owner: str
    """Who answers for it, for example `attempt:<id>`; has one cluster at a time."""
    provider: str
    flavour: str
    """See `ClusterSpec.flavour`."""
    warm: bool
    """Whether it came from the pool."""
    reserved_at: str
    """RFC 3339, UTC; so are the three below."""
    expires_at: str
    opened_at: str = ""
    """Empty while it is reserved."""
    paused_at: str = ""
    """Empty unless it is paused."""
    extensions: int = 0
    """How often its time was extended."""

    @property
    def state(self) -> LeaseState:
        """Where it is in its life."""
        if not self.opened_at:
            return LeaseState.RESERVED
        return LeaseState.PAUSED if self.paused_at else LeaseState.OPEN

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {**asdict(self), "state": self.state.value}

    @classmethod
    def from_row(cls, row: LeaseRow | Row[Any]) -> Lease:
        """Make a Lease of its row."""
        return cls(**{f.name: getattr(row, f.name) for f in fields(cls)})

    def to_row(self) -> LeaseRow:
        """Return the row that stores it."""
        return LeaseRow(**asdict(self))


def stamp(moment: datetime) -> str:
    """Return a moment as stored: RFC 3339 with seconds, UTC, `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(stamped: str) -> datetime:
    """Return the moment that `stamp` wrote."""
    return datetime.fromisoformat(stamped)
