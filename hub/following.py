"""Following: the newest table of tasks in a notebook changes by itself.

A thread of the kernel follows the attempt at the proctor and draws the table anew whenever there is
a verdict. IPython updates a display from any thread, also long after its cell has ended.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from clusters.errors import AssayError

if TYPE_CHECKING:
    from graders.remote import RemoteAttempt
    from hub.task_table import TaskTable

RETRY = 2.0
"""Seconds before a proctor that went away is asked again."""
_LIVE_STATES = ("starting", "open")

Tasks = Sequence[dict[str, Any]]
Draw = Callable[[Tasks], "TaskTable"]


class Following:
    """Keeps one display of this kernel up to date: the newest."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shown: tuple[Any, Draw] | None = None
        self._thread: threading.Thread | None = None

    def show(self, attempt: RemoteAttempt, handle: Any, draw: Draw) -> None:
        """Keep a display up to date from now on, instead of the one before.

        Args:
            attempt: the attempt.
            handle: IPython's handle of the display.
            draw: makes the table of the attempt's tasks.
        """
        with self._lock:
            self._shown = (handle, draw)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(
                    target=self._follow, args=(attempt,), name="assay-following", daemon=True
                )
                self._thread.start()

    def let_go(self) -> None:
        """Leave the display alone: somebody else draws there now."""
        with self._lock:
            self._shown = None

    def _follow(self, attempt: RemoteAttempt) -> None:
        """Follow until the attempt has ended; a proctor that is away comes back."""
        from graders.remote import RequestRefused

        last = ""
        while True:
            try:
                for event in attempt.follow(last):
                    last = event.id
                    if event.kind == "report" or (event.kind == "attempt" and last):
                        self._draw(attempt.show()["tasks"])
                    if event.kind == "attempt" and event.data["state"] not in _LIVE_STATES:
                        return
                return
            except RequestRefused:
                return
            except AssayError:
                time.sleep(RETRY)

    def _draw(self, tasks: Tasks) -> None:
        with self._lock:
            if self._shown is not None:
                handle, draw = self._shown
                handle.update(draw(tasks))
