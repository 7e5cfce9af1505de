"""Places: how many gradings run at once, and who is next.

Whoever has the fewest gradings under way goes first, then whoever came first. So a learner who
checks five labs at once waits behind their own, and never keeps a class waiting.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field


@dataclass(eq=False)
class Ticket:
    """Somebody's wish for a place."""

    learner: str
    holds: bool = False
    """Whether it has a place."""
    decided: asyncio.Event = field(default_factory=asyncio.Event, repr=False)
    """Set when it got a place, or is not wanted any more."""


class Places:
    """A number of places, shared out fairly. Used on the event loop only."""

    def __init__(self, number: int) -> None:
        """Have `number` places; one learner never holds more than half of them, or one."""
        self._number = number
        self._most = max(1, number // 2)
        self._held: Counter[str] = Counter()
        self._waiting: list[Ticket] = []

    @property
    def running(self) -> int:
        """How many places are taken."""
        return self._held.total()

    @property
    def waiting(self) -> int:
        """How many wait for a place."""
        return len(self._waiting)

    def ask(self, learner: str) -> Ticket:
        """Wish for a place: wait until the ticket is decided, and `leave` in the end."""
        ticket = Ticket(learner)
        self._waiting.append(ticket)
        self._admit()
        return ticket

    def withdraw(self, ticket: Ticket) -> None:
        """Take back a wish that was not granted yet."""
        if ticket in self._waiting:
            self._waiting.remove(ticket)
            ticket.decided.set()

    def leave(self, ticket: Ticket) -> None:
        """Give back a place, or the wish for it; twice is no error."""
        self.withdraw(ticket)
        if ticket.holds:
            ticket.holds = False
            self._held[ticket.learner] -= 1
            self._held += Counter()  # forgets who holds none
            self._admit()

    def _admit(self) -> None:
        while self.running < self._number and (ticket := self._next()):
            self._waiting.remove(ticket)
            self._held[ticket.learner] += 1
            ticket.holds = True
            ticket.decided.set()

    def _next(self) -> Ticket | None:
        may = (ticket for ticket in self._waiting if self._held[ticket.learner] < self._most)
        return min(may, key=lambda ticket: self._held[ticket.learner], default=None)
