"""LeaseBook: the leases in the database. Safe from several threads and processes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, select

from clusters.broker.lease import Lease, moment, stamp
from clusters.broker.tables import EndedLeaseRow, LeaseRow
from clusters.database import Sessions
from clusters.errors import NotFound

REMEMBERED = 200
"""Of the leases that ended, how many are remembered."""
_OF_OWNER = select(LeaseRow.__table__).where(LeaseRow.owner == bindparam("owner"))


class LeaseBook:
    """The leases of one installation."""

    def __init__(self, sessions: Sessions) -> None:
        """Use a database whose tables are up to date."""
        self._sessions = sessions

    def add(self, lease: Lease) -> None:
        """Record a new lease.

        Raises:
            IntegrityError: its cluster or its owner has one already.
        """
        with self._sessions.writing() as session:
            session.add(lease.to_row())

    def all(self) -> list[Lease]:
        """Return every lease, oldest first."""
        query = select(LeaseRow).order_by(LeaseRow.reserved_at, LeaseRow.cluster)
        with self._sessions.reading() as session:
            return [Lease.from_row(row) for row in session.scalars(query)]

    def of(self, owner: str) -> Lease | None:
        """Return the lease of an owner; None where there is none."""
        with self._sessions.looking_up() as connection:
            row = connection.execute(_OF_OWNER, {"owner": owner}).one_or_none()
        return None if row is None else Lease.from_row(row)

    def change(self, owner: str, **changes: Any) -> Lease:
        """Set fields of a lease and return it as it is afterwards.

        Raises:
            NotFound: this owner has none.
        """
        query = select(LeaseRow).where(LeaseRow.owner == owner).with_for_update()
        with self._sessions.writing() as session:
            row = session.scalar(query)
            if row is None:
                raise NotFound(f"{owner} has no cluster")
            for name, value in changes.items():
                setattr(row, name, value)
            return Lease.from_row(row)

    def end(self, lease: Lease) -> None:
        """Strike out a lease whose cluster is gone, and remember how long it was held."""
        now = datetime.now(UTC)
        held = (now - moment(lease.opened_at or stamp(now))).total_seconds()
        with self._sessions.writing() as session:
            gone = session.get(LeaseRow, lease.cluster)
            if gone is None or gone.owner != lease.owner:
                return
            session.delete(gone)
            if lease.opened_at:
                session.add(
                    EndedLeaseRow(
                        flavour=lease.flavour,
                        warm=lease.warm,
                        held_seconds=held,
                        ended_at=stamp(now),
                    )
                )
            newest = session.scalar(select(func.max(EndedLeaseRow.number))) or 0
            old = EndedLeaseRow.number <= newest - REMEMBERED
            session.execute(delete(EndedLeaseRow).where(old))

    def held_seconds(self) -> list[float]:
        """Return how long the newest leases that ended were held, in seconds."""
        with self._sessions.reading() as session:
            return list(session.scalars(select(EndedLeaseRow.held_seconds)))
