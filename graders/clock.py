"""Clock: the time as a check experiences it.

Whatever waits on behalf of a check asks this clock and not the machine's, so that what the check
experienced can be recorded, and given to it again without waiting.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol


class Clock(Protocol):
    """Tells the time and lets it pass."""

    def now(self) -> float:
        """Return seconds since no matter when; never less than before."""

    def sleep(self, seconds: float) -> None:
        """Let time pass."""


class Machine:
    """The clock of this machine."""

    def now(self) -> float:
        """Return the machine's monotonic time."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


_MACHINE = Machine()
_clock: ContextVar[Clock] = ContextVar("clock", default=_MACHINE)


def now() -> float:
    """Return the time of whoever asks, in seconds since no matter when."""
    return _clock.get().now()


def sleep(seconds: float) -> None:
    """Let time pass for whoever asks."""
    _clock.get().sleep(seconds)


@contextmanager
def keeping_time(clock: Clock) -> Iterator[None]:
    """Use another clock inside."""
    token = _clock.set(clock)
    try:
        yield
    finally:
        _clock.reset(token)
