"""Queue: starts for which there is no room now wait, first come, first served."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar

from graders.attempts import CapacityExhausted

PATIENCE = 200
"""Seconds a start waits for a place; below the spawner's own limit."""
TRY_EVERY = 1.5
"""Seconds between two tries of whoever is first."""

T = TypeVar("T")


class Seat(NamedTuple):
    """Who starts which lab."""

    learner: str
    lab: str


class Queue:
    """Lets one start at a time ask for room, in the order of their coming."""

    def __init__(self, patience: float = PATIENCE, try_every: float = TRY_EVERY) -> None:
        self._patience = patience
        self._try_every = try_every
        self._waiting: list[Seat] = []

    def __len__(self) -> int:
        """Return how many wait."""
        return len(self._waiting)

    async def pass_through(
        self,
        seat: Seat,
        start: Callable[[], Awaitable[T]],
        on_wait: Callable[[int], None],
    ) -> T:
        """Run `start` when it is this seat's turn, again and again until there is room for it.

        Args:
            seat: who waits. It must call `admitted` as soon as it has got its room.
            start: raises CapacityExhausted while there is none.
            on_wait: told the position, 1 is first, whenever it changes.

        Raises:
            CapacityExhausted: there was no room for as long as the patience lasts.
        """
        deadline = time.monotonic() + self._patience
        self._waiting.append(seat)
        told = 0
        try:
            while True:
                position = self._waiting.index(seat) + 1
                if position == 1:
                    try:
                        return await start()
                    except CapacityExhausted:
                        if time.monotonic() > deadline:
                            raise
                if position != told:
                    on_wait(position)
                    told = position
                await asyncio.sleep(self._try_every)
                if time.monotonic() > deadline and position > 1:
                    raise CapacityExhausted("every place stayed taken; start the lab again later")
        finally:
            self.admitted(seat)

    def admitted(self, seat: Seat) -> None:
        """Let the next one ask: this seat has its room, or does not want it any more."""
        if seat in self._waiting:
            self._waiting.remove(seat)
