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
_KEPT_EVENTS = 70
"""Ten checks of a lab; who was away for longer begins anew."""
_KEPT_ATTEMPTS = 1000


class Event(NamedTuple):
    """One thing that happened."""

    kind: str
    """`result`, `report` or `attempt`."""
    data: dict[str, Any]


class _Story(NamedTuple):
    """The events of one attempt."""

    begun: str
    """Tells its numbers from those of an earlier story of the attempt."""
    feed: Feed[Event]


class Events:
    """What happened to each attempt since the proctor began. Used on the event loop only."""

    def __init__(self) -> None:
        self._stories: OrderedDict[str, _Story] = OrderedDict()

    def publish(self, attempt: str, kind: str, data: dict[str, Any]) -> None:
        """Tell everybody who follows an attempt."""
        self._story(attempt).feed.add(Event(kind, data))

    def resumable(self, attempt: str, last_id: str | None) -> int | None:
        """Return the number after which a reader goes on, None when it must begin anew."""
        begun, _, number = (last_id or "").partition("-")
        story = self._stories.get(attempt)
        if story is None or begun != story.begun or not number.isdecimal():
            return None
        return int(number) if story.feed.dropped <= int(number) <= story.feed.last else None

    def newest(self, attempt: str) -> int:
        """Return the number of the newest event of an attempt."""
        return self._story(attempt).feed.last

    async def follow(
        self, attempt: str, after: int, snapshot: dict[str, Any] | None
    ) -> AsyncIterator[bytes]:
        """Yield the events of an attempt in the format of a browser's EventSource.

        It ends where the reader was too slow and an event is gone: coming back, it begins anew.

        Args:
            attempt: its id.
            after: number of the last event that the reader knows.
            snapshot: the attempt as it is, first of all, for a reader that begins anew.
        """
        begun, feed = self._story(attempt)
        if snapshot is not None:
            yield _format(begun, after, Event("attempt", snapshot))
        async for entry in with_beats(feed.read(after), KEEP_ALIVE):
            if entry is None:
                yield b": still here\n\n"
            elif entry.number != after + 1:
                return
            else:
                after = entry.number
                yield _format(begun, after, entry.item)

    def _story(self, attempt: str) -> _Story:
        if attempt not in self._stories:
            feed: Feed[Event] = Feed(asyncio.get_running_loop(), keep=_KEPT_EVENTS)
            self._stories[attempt] = _Story(secrets.token_hex(4), feed)
            if len(self._stories) > _KEPT_ATTEMPTS:
                self._stories.popitem(last=False)[1].feed.close()
        self._stories.move_to_end(attempt)
        return self._stories[attempt]


def _format(begun: str, number: int, event: Event) -> bytes:
    data = json.dumps(event.data, ensure_ascii=False)
    return f"id: {begun}-{number}\nevent: {event.kind}\ndata: {data}\n\n".encode()
