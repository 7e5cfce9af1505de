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
from contextlib import suppress
from typing import Any, NamedTuple

from graders.proctor.feed import Feed

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

    async def follow(
        self, attempt: str, after: int | None, snapshot: dict[str, Any]
    ) -> AsyncIterator[bytes]:
        """Yield the events of an attempt in the format of a browser's EventSource.

        Args:
            attempt: its id.
            after: from `resumable`.
            snapshot: the attempt as it is now, for a reader that begins anew.
        """
        feed = self._feed(attempt)
        position = feed.last if after is None else after
        if after is None:
            yield self._format(position, Event("attempt", snapshot))
        entries = feed.read(position)
        upcoming = asyncio.ensure_future(anext(entries))
        try:
            while True:
                done, _ = await asyncio.wait({upcoming}, timeout=KEEP_ALIVE)
                if not done:
                    yield b": still here\n\n"
                    continue
                with suppress(StopAsyncIteration):
                    entry = upcoming.result()
                    yield self._format(entry.number, entry.item)
                    upcoming = asyncio.ensure_future(anext(entries))
                    continue
                return
        finally:
            upcoming.cancel()

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
