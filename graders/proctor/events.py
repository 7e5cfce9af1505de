"""Events of an attempt, sent to browsers as they happen (server-sent events).

A reader that comes back with `Last-Event-ID` gets what it missed. One whose number means nothing
any more (the proctor restarted, or too much has happened) gets the whole attempt first.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from graders.proctor.feed import Feed, with_beats

KEEP_ALIVE = 15.0
"""Seconds of silence after which a comment keeps the connection open."""
_KEPT_EVENTS = 500
_KEPT_ATTEMPTS = 1000


class Event(NamedTuple):
    """One thing that happened."""

    kind: str
    """`result`, `report` or `attempt`."""
    data: dict[str, Any]


class Events:
    """What happened to each attempt since the proctor began. Used on the event loop only."""

    def __init__(self) -> None:
        self._begun = secrets.token_hex(4)
        self._feeds: OrderedDict[str, Feed[Event]] = OrderedDict()

    def publish(self, attempt: str, kind: str, data: dict[str, Any]) -> None:
        """Tell everybody who follows an attempt."""
        self._feed(attempt).add(Event(kind, data))

    def resumable(self, attempt: str, last_id: str | None) -> int | None:
        """Return the number after which a reader goes on, None when it must begin anew."""
        begun, _, number = (last_id or "").partition("-")
        if begun != self._begun or not number.isdigit():
            return None
        feed = self._feeds.get(attempt)
        return int(number) if feed is not None and int(number) <= feed.last else None

    def newest(self, attempt: str) -> int:
        """Return the number of the newest event of an attempt."""
        return self._feed(attempt).last

    async def follow(
        self, attempt: str, after: int, snapshot: dict[str, Any] | None
    ) -> AsyncIterator[bytes]:
        """Yield the events of an attempt in the format of a browser's EventSource.

        Args:
            attempt: its id.
            after: number of the last event that the reader knows.
            snapshot: the attempt as it is, first of all, for a reader that begins anew.
        """
        if snapshot is not None:
            yield self._format(after, Event("attempt", snapshot))
        async for entry in with_beats(self._feed(attempt).read(after), KEEP_ALIVE):
            if entry is None:
                yield b": still here\n\n"
            else:
                yield self._format(entry.number, entry.item)

    def _feed(self, attempt: str) -> Feed[Event]:
        if attempt not in self._feeds:
            self._feeds[attempt] = Feed(asyncio.get_running_loop(), keep=_KEPT_EVENTS)
            if len(self._feeds) > _KEPT_ATTEMPTS:
                self._feeds.popitem(last=False)[1].close()
        self._feeds.move_to_end(attempt)
        return self._feeds[attempt]

    def _format(self, number: int, event: Event) -> bytes:
        data = json.dumps(event.data, ensure_ascii=False)
        return f"id: {self._begun}-{number}\nevent: {event.kind}\ndata: {data}\n\n".encode()
