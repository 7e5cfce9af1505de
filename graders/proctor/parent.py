"""The process that started this one: when it goes, this one goes too."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

LOOK_EVERY = 0.3
"""Seconds."""


def when_parent_dies(act: Callable[[], None]) -> None:
    """Call `act` once, from a thread, when the process that started this one has ended.

    A hub that is killed cannot stop its services. One that stayed would keep its port, an old
    token, and two proctors would look after the same clusters.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK_EVERY)
        act()

    threading.Thread(target=watch, name="parent", daemon=True).start()
