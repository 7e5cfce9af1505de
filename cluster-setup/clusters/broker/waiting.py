"""Waiting: the queue of those for whom there is no room now, and what each may expect.

The queue is in the database: whoever comes back after the platform was restarted has kept their
place. A seat that did not say for a while that it still waits is given away.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import median
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError

from clusters.broker.lease import Lease, moment, stamp
from clusters.broker.tables import SeatRow
from clusters.database import Sessions

KEPT_SECONDS = 30.0
"""How long a seat is kept for somebody who says nothing."""
_TRUSTED = 5
"""So many leases must have ended before their times say anything."""


class Place(NamedTuple):
    """Where somebody stands in the queue."""

    position: int
    """1 is next."""
    seconds: float | None
    """What the wait will be, as far as one can tell; None where nothing is known."""

    def sentence(self) -> str:
        """Say it to whoever waits."""
        when = f"; about {spoken(self.seconds)} to wait" if self.seconds is not None else ""
        return f"Every place is taken; you are number {self.position} in the queue{when}"


class WaitingRoom:
    """The queue of one installation. Safe from several threads and processes."""

    def __init__(self, sessions: Sessions) -> None:
        """Use a database whose tables are up to date."""
        self._sessions = sessions

    def wait(self, seat: str) -> int:
        """Take a seat, or say that one still waits; return the position, 1 is next."""
        now = time.time()
        while True:
            try:
                with self._sessions.writing() as session:
                    stale = SeatRow.seen_at < now - KEPT_SECONDS
                    session.execute(delete(SeatRow).where(stale, SeatRow.seat != seat))
                    row = session.scalar(select(SeatRow).where(SeatRow.seat == seat))
                    if row is None:
                        row = SeatRow(seat=seat, since=stamp(datetime.now(UTC)), seen_at=now)
                        session.add(row)
                        session.flush()
                    row.seen_at = now
                    numbers = session.scalars(
                        select(SeatRow.number).where(SeatRow.number <= row.number)
                    )
                    return len(numbers.all())
            except IntegrityError:
                continue  # the same seat was taken at this very moment

    def leave(self, seat: str) -> None:
        """Give up a seat; one that is not taken is no error."""
        with self._sessions.writing() as session:
            session.execute(delete(SeatRow).where(SeatRow.seat == seat))

    def seats(self) -> list[str]:
        """Return who waits, the next one first."""
        fresh = SeatRow.seen_at >= time.time() - KEPT_SECONDS
        with self._sessions.reading() as session:
            return list(session.scalars(select(SeatRow.seat).where(fresh).order_by(SeatRow.number)))

    def others_before(self, seat: str) -> int:
        """Return how many others come first."""
        seats = self.seats()
        return seats.index(seat) if seat in seats else len(seats)


def expected_wait(
    position: int, leases: Sequence[Lease], held_seconds: Sequence[float], now: datetime
) -> float | None:
    """Return the seconds until the lease ends whose room somebody will get.

    A lease ends when half of those that ended lately were over, if it is not older than that
    already, and at the latest when its time is.

    Args:
        position: in the queue, 1 is next.
        leases: those that are held.
        held_seconds: how long those were held that ended lately.
        now: the moment.
    """
    if not leases:
        return None
    usual = median(held_seconds) if len(held_seconds) >= _TRUSTED else float("inf")
    ends = sorted(_ends_in(lease, usual, now) for lease in leases)
    rounds, place = divmod(position - 1, len(ends))
    longest = usual if usual != float("inf") else ends[-1]
    return ends[place] + rounds * longest


def _ends_in(lease: Lease, usual: float, now: datetime) -> float:
    latest = max(0.0, (moment(lease.expires_at) - now).total_seconds())
    held = (now - moment(lease.opened_at or lease.reserved_at)).total_seconds()
    return min(latest, usual - held) if held < usual else latest


def spoken(seconds: float) -> str:
    """Return a time as people say it: `40 s`, `12 min`, `1 h 30 min`."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
