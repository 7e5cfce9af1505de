"""Feed: items that threads add and any number of coroutines read, each from where it likes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from itertools import islice
from typing import Generic, NamedTuple, TypeVar, cast

T = TypeVar("T")
_END = object()


class Entry(NamedTuple, Generic[T]):
    """One item of a feed with its number, counted from 1."""

    number: int
    item: T


class Feed(Generic[T]):
    """An append-only list that can be followed while it grows."""

    def __init__(self, loop: asyncio.AbstractEventLoop, keep: int = 1000) -> None:
        """Make an empty feed.

        Args:
            loop: the event loop of the readers.
            keep: how many of the newest items a late reader still gets.
        """
        self._loop = loop
        self._keep = keep
        self._items: list[T] = []
        self._dropped = 0
        self._closed = False
        self._changed = asyncio.Event()

    @property
    def last(self) -> int:
        """Number of the newest item, 0 when there is none."""
        return self._dropped + len(self._items)

    @property
    def dropped(self) -> int:
        """How many items are kept no longer: the number of the newest of them."""
        return self._dropped

    @property
    def closed(self) -> bool:
        """Whether nothing will follow."""
        return self._closed

    def add(self, item: T) -> None:
        """Append an item; from any thread."""
        self._call(self._add, item)

    def close(self) -> None:
        """Say that nothing will follow; from any thread, after every `add` before it."""
        self._call(self._close)

    async def read(self, after: int = 0) -> AsyncIterator[Entry[T]]:
        """Yield the items after number `after`, then those to come, until the feed is closed."""
        position = after
        while True:
            changed = self._changed
            position = max(position, self._dropped)
            for item in list(islice(self._items, position - self._dropped, None)):
                position += 1
                yield Entry(position, item)
            if position >= self.last:
                if self._closed:
                    return
                await changed.wait()

    def _call(self, change: object, *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody reads any more
            self._loop.call_soon_threadsafe(change, *arguments)  # type: ignore[arg-type]

    def _add(self, item: T) -> None:
        self._items.append(item)
        if len(self._items) > self._keep:
            del self._items[0]
            self._dropped += 1
        self._wake()

    def _close(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


async def with_beats(items: AsyncIterator[T], every: float) -> AsyncIterator[T | None]:
    """Yield the items, and None whenever none came for `every` seconds.

    A proxy does not always tell a client that the server behind it died; silence does.
    """
    upcoming = asyncio.ensure_future(anext(items, _END))
    try:
        while True:
            done, _ = await asyncio.wait({upcoming}, timeout=every)
            if not done:
                yield None
                continue
            if (item := upcoming.result()) is _END:
                return
            yield cast(T, item)
            upcoming = asyncio.ensure_future(anext(items, _END))
    finally:
        upcoming.cancel()
