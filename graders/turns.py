"""Turns: one grading of a cluster at a time, since probes of two would be in each other's way."""

from __future__ import annotations

import fcntl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from graders.errors import Cancelled, GradingError

WAIT_SECONDS = 300.0
"""Longer than a lab's checks take; then the other grading is not waited for any more."""


@contextmanager
def turn(
    cluster_file: Path, seconds: float = WAIT_SECONDS, cancel: threading.Event | None = None
) -> Iterator[None]:
    """Wait until nobody else grades this cluster, and keep others out.

    The kernel gives the turn up when its holder dies.

    Args:
        cluster_file: an existing file that is the cluster's own, the same for every grader.
        seconds: how long to wait.
        cancel: ends the wait when it is set.

    Raises:
        Cancelled: `cancel` was set while waiting.
        GradingError: the cluster is gone, or the other grading does not end.
    """
    try:
        file = cluster_file.open("rb")
    except OSError as error:
        raise GradingError("The cluster is gone, or was never there") from error
    with file:
        cancelled = cancel or threading.Event()
        deadline = time.monotonic() + seconds
        while not _take(file.fileno()):
            if time.monotonic() > deadline:
                raise GradingError("Another check of this cluster does not end; try again later")
            if cancelled.wait(0.1):
                raise Cancelled("The check was cancelled before its turn came")
        yield


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
