"""Spawn progress: what every open spawn page of one server shows, from the beginning."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

from clusters.phases import Phase
from graders.proctor.timings import Timings

Event = dict[str, Any]
_LAB_SHARE = 80
"""Percent of the whole that is over when the lab's cluster stands."""
_NOTEBOOK = Phase("notebook", "Opening the notebook", 85)


class SpawnProgress:
    """Events of one spawn; a page that is opened late, or a second time, gets all of them."""

    def __init__(self, notebooks: Timings) -> None:
        """Make an empty one.

        Args:
            notebooks: how long notebooks took to open.
        """
        self._notebooks = notebooks
        self._events: list[Event] = []
        self._changed = asyncio.Event()
        self._opening_since: float | None = None

    def begin(self) -> None:
        """Forget the spawn before."""
        self._events = []
        self._opening_since = None

    def lab_line(self, line: dict[str, Any]) -> None:
        """Add a line of the proctor's start stream."""
        if "expected" in line:
            expected = [*line["expected"], *(e.to_json() for e in self._notebooks.expected())]
            self._add({"progress": 1, "message": "Starting the lab", "expected": expected})
            return
        phase = line["phase"]
        percent = 1 + phase["percent"] * (_LAB_SHARE - 1) // 100
        self.phase(phase["name"], phase["message"], percent, phase["seconds"])

    def opening(self) -> None:
        """Add the last phase: the lab runs, its notebook opens."""
        self._opening_since = time.monotonic()
        self.phase(_NOTEBOOK.name, _NOTEBOOK.message, _NOTEBOOK.percent)

    def opened(self) -> None:
        """Remember how long the notebook took; once for each spawn."""
        if self._opening_since is not None:
            seconds = time.monotonic() - self._opening_since
            self._notebooks.record([replace(_NOTEBOOK, seconds=seconds)])
            self._opening_since = None

    def phase(self, name: str, message: str, percent: int, seconds: float | None = None) -> None:
        """Add a phase that began or, with its seconds, ended."""
        text = message if seconds is None else f"{message}: {seconds:.1f} s"
        about = {"name": name, "message": message, "seconds": seconds}
        self._add({"progress": percent, "message": text, "phase": about})

    async def follow(self) -> AsyncIterator[Event]:
        """Yield every event, then those to come. The hub ends it when the spawn has ended."""
        position = 0
        while True:
            changed = self._changed
            for event in self._events[position:]:
                position += 1
                yield dict(event)
            await changed.wait()

    def _add(self, event: Event) -> None:
        self._events.append(event)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
