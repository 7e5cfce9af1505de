"""Priority: what is made ahead of time gives way to those who work now."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from clusters.provider import Cluster

LOW = 10
"""Niceness of what nobody waits for."""
_ROUNDS = 3


@contextmanager
def lowered() -> Iterator[None]:
    """Start processes of low priority from this thread; only where `raise_again` can undo it."""
    if not _may_raise():
        yield
        return
    thread = threading.get_native_id()
    before = os.getpriority(os.PRIO_PROCESS, thread)
    os.setpriority(os.PRIO_PROCESS, thread, max(before, LOW))
    try:
        yield
    finally:
        os.setpriority(os.PRIO_PROCESS, thread, before)


def raise_again(cluster: Cluster) -> None:
    """Give the processes of a cluster the priority of this one: somebody works with it now."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    for _ in range(_ROUNDS):  # a thread that is born meanwhile has the priority of its parent
        lagging = [
            int(thread.name)
            for component in cluster.components
            if component.pid
            for thread in Path(f"/proc/{component.pid}/task").glob("*")
            if _niceness(int(thread.name)) > own
        ]
        if not lagging:
            return
        for thread in lagging:
            with suppress(OSError):  # it ended, or we may not
                os.setpriority(os.PRIO_PROCESS, thread, own)


def _niceness(thread: int) -> int:
    try:
        return os.getpriority(os.PRIO_PROCESS, thread)
    except OSError:
        return -20


def _may_raise() -> bool:
    """Whether this account may take back a niceness: an ordinary one cannot."""
    return os.geteuid() == 0
