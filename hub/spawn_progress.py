"""Spawn progress: what every open spawn page of one server shows, from the beginning."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

Event = dict[str, Any]
_LAB_SHARE = 80
"""Percent of the whole that is over when the lab's cluster stands."""


class SpawnProgress:
    """Events of one spawn; a page that is opened late, or a second time, gets all of them."""

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._changed = asyncio.Event()

    def begin(self) -> None:
        """Forget the spawn before."""
        self._events = []

    def lab_line(self, line: dict[str, Any]) -> None:
        """Add a line of the proctor's start stream."""
        if "expected" in line:
            self._add({"progress": 1, "message": "Starting the lab", "expected": line["expected"]})
            return
        phase = line["phase"]
        percent = 1 + phase["percent"] * (_LAB_SHARE - 1) // 100
        self.phase(phase["name"], phase["message"], percent, phase["seconds"])

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
