"""Queue: starts for which there is no room now wait, first come, first served.

Who waits stands in the database, so that a start that is asked for again after the proctor
restarted has kept its place, and one at a terminal does not overtake it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, Protocol, TypeVar

from clusters.broker import CapacityExhausted, Place
from graders.attempts.rules import seat_of

PATIENCE = 200
"""Seconds a start waits for a place; below the spawner's own limit."""
TRY_EVERY = 1.5
"""Seconds between two tries of whoever is first."""

T = TypeVar("T")


class Seat(NamedTuple):
    """Who starts which lab."""

    learner: str
    lab: str

    @property
    def name(self) -> str:
        """By which it stands in the queue."""
        return seat_of(self.learner, self.lab)


class WaitingPlaces(Protocol):
    """Where those who wait take seats; the broker."""

    def wait(self, seat: str) -> Place:
        """Take a seat, or say that one still waits; return where one stands."""

    def leave(self, seat: str) -> None:
        """Give up a seat."""


class Queue:
    """Lets one start at a time ask for room, in the order of their coming."""

    def __init__(
        self, places: WaitingPlaces, patience: float = PATIENCE, try_every: float = TRY_EVERY
    ) -> None:
        self._places = places
        self._patience = patience
        self._try_every = try_every
        self._seated: set[Seat] = set()

    def __len__(self) -> int:
        """Return how many wait here."""
        return len(self._seated)

    async def pass_through(
        self,
        seat: Seat,
        start: Callable[[], Awaitable[T]],
        on_wait: Callable[[Place], None],
    ) -> T:
        """Run `start` at once, or when it is this seat's turn, until there is room for it.

        Args:
            seat: who waits. It must call `admitted` as soon as it has got its room.
            start: raises CapacityExhausted while there is none, or while others came before.
            on_wait: told the place whenever the position changes.

        Raises:
            CapacityExhausted: there was no room for as long as the patience lasts.
        """
        deadline = time.monotonic() + self._patience
        told = 0
        try:
            while True:
                try:
                    if told <= 1:
                        return await start()
                except CapacityExhausted:
                    if time.monotonic() > deadline:
                        raise
                self._seated.add(seat)
                place = await asyncio.to_thread(self._places.wait, seat.name)
                if place.position != told:
                    on_wait(place)
                    told = place.position
                await asyncio.sleep(self._try_every)
                if time.monotonic() > deadline and told > 1:
                    raise CapacityExhausted("every place stayed taken; start the lab again later")
        finally:
            await self._leave(seat)

    def admitted(self, seat: Seat) -> None:
        """Let the next one ask: this seat has its room, or does not want it any more."""
        if seat in self._seated:
            self._seated.discard(seat)
            self._places.leave(seat.name)

    async def _leave(self, seat: Seat) -> None:
        if seat in self._seated:
            await asyncio.shield(asyncio.to_thread(self.admitted, seat))
