"""Rate limit: too many wrong passwords for one name make that name wait."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

FREE_FAILURES = 5
"""Wrong passwords before anybody has to wait."""
LONGEST_WAIT = 300.0
"""Seconds."""
_REMEMBERED = 10_000


class RateLimit:
    """Counts failures by name; each one after the free ones doubles the wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def wait(self, name: str) -> float:
        """Return how many seconds this name has to wait, 0 when it may try."""
        count, last = self._failures.get(name, (0, 0.0))
        if count < FREE_FAILURES:
            return 0.0
        pause = min(2.0 ** (count - FREE_FAILURES + 1), LONGEST_WAIT)
        return max(0.0, last + pause - self._clock())

    def failed(self, name: str) -> None:
        """Count a wrong password."""
        count, _ = self._failures.pop(name, (0, 0.0))
        self._failures[name] = (count + 1, self._clock())
        if len(self._failures) > _REMEMBERED:
            self._failures.popitem(last=False)

    def succeeded(self, name: str) -> None:
        """Forget the failures of a name."""
        self._failures.pop(name, None)
