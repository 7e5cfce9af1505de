"""Tickets: let a browser follow one attempt for a while.

An EventSource can send no header, and a token in an address would end up in logs and histories.
So the site asks for a ticket in the learner's name and gives it to the browser as a cookie that is
sent nowhere but to the events of that attempt.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable

LIFETIME = 60.0
"""Seconds in which a ticket lets somebody in."""
STAY = 600.0
"""Seconds after which who came in by a ticket must bring a new one: people sign out."""
COOKIE = "assay-ticket"
_REMEMBERED = 10_000


class Tickets:
    """The tickets that are valid now; a restarted proctor knows none, and browsers ask again."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._valid: dict[str, tuple[str, float]] = {}

    def issue(self, attempt: str) -> str:
        """Return a ticket for the events of an attempt."""
        self._forget_old()
        ticket = secrets.token_urlsafe(32)
        self._valid[_digest(ticket)] = (attempt, self._now() + LIFETIME)
        return ticket

    def admits(self, ticket: str, attempt: str) -> bool:
        """Whether a ticket lets its bearer follow an attempt now."""
        known, until = self._valid.get(_digest(ticket), ("", 0.0))
        return known == attempt and self._now() < until

    def _forget_old(self) -> None:
        for digest, (_, until) in list(self._valid.items()):  # in the order in which they end
            if until > self._now() and len(self._valid) < _REMEMBERED:
                return
            del self._valid[digest]


def _digest(ticket: str) -> str:
    return hashlib.sha256(ticket.encode()).hexdigest()
