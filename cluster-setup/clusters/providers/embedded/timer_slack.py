"""Timer slack: how late the system may wake a process, so that one waking serves many timers.

A control plane at rest is some hundreds of timers a second, of metrics, of caches, of queues, and
what they take is nearly all waking and falling asleep. A process that may be woken late is woken
once for all that have come due meanwhile. Only what waits for a time is late; an answer that
arrives wakes it at once, and while it works it looks at its timers by itself.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_PR_SET_TIMERSLACK = 29


@contextmanager
def timer_slack(seconds: float) -> Iterator[None]:
    """Start processes from this thread that may be woken so many seconds late; 0 changes nothing.

    They and what they start keep it, over execve(2) too (prctl(2), PR_SET_TIMERSLACK).
    """
    if not seconds or sys.platform != "linux":
        yield
        return
    _set(int(seconds * 1e9))
    try:
        yield
    finally:
        _set(0)  # what this thread began with


def _set(nanoseconds: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(nanoseconds), 0, 0, 0)
