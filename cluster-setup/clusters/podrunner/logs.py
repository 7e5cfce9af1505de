"""Logs of containers, as `kubectl logs` asks for them."""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_POLL = 0.2
_CHUNK = 1 << 16


@dataclass(frozen=True)
class LogOptions:
    """Which part of a log, and how."""

    follow: bool = False
    timestamps: bool = False
    tail: int | None = None
    """Lines from the end; None means all."""
    since: str = ""
    """Moment (RFC 3339) before which nothing is shown."""
    limit: int | None = None
    """Bytes that are shown at most."""

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> LogOptions:
        """Read the options of a kubelet's `containerLogs`.

        Raises:
            ValueError: a number is none.
        """
        since = query.get("sinceTime", "")
        if seconds := query.get("sinceSeconds"):
            moment = datetime.fromtimestamp(time.time() - int(seconds), UTC)
            since = moment.isoformat().replace("+00:00", "Z")
        return cls(
            follow=query.get("follow") == "true",
            timestamps=query.get("timestamps") == "true",
            tail=int(query["tailLines"]) if "tailLines" in query else None,
            since=since,
            limit=int(query["limitBytes"]) if "limitBytes" in query else None,
        )


async def read_log(
    path: Path, options: LogOptions, running: Callable[[], bool]
) -> AsyncIterator[bytes]:
    """Yield pieces of a log; with `follow` until the container has ended.

    Args:
        path: the log; the part before it lies beside it.
        options: which part.
        running: says whether more may come.
    """
    left = options.limit
    async for line in _lines(path, options, running):
        shown = shown_line(line, options)
        if shown is None:
            continue
        if left is not None:
            shown, left = shown[:left], left - len(shown[:left])
        yield shown
        if left == 0:
            return


def shown_line(line: bytes, options: LogOptions) -> bytes | None:
    """Return a line of a log as it is shown; None where it is not."""
    stamp, _, rest = line.partition(b" ")
    _, _, rest = rest.partition(b" ")
    tag, _, text = rest.partition(b" ")
    if options.since and stamp.decode(errors="replace")[:19] < options.since[:19]:
        return None
    end = b"\n" if tag == b"F" else b""
    return (stamp + b" " if options.timestamps else b"") + text + end


async def _lines(
    path: Path, options: LogOptions, running: Callable[[], bool]
) -> AsyncIterator[bytes]:
    known = list(_known_lines(path, options.tail))
    for line in known:
        yield line
    if not options.follow:
        return
    file, rest = path.open("rb"), b""
    try:
        file.seek(0, 2)
        while True:
            more = running()
            while data := file.read(_CHUNK):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    yield line
            if _was_replaced(path, file.fileno()):
                file.close()
                file, rest = path.open("rb"), b""
                continue
            if not more:
                return
            await asyncio.sleep(_POLL)
    finally:
        file.close()


def _known_lines(path: Path, tail: int | None) -> Iterator[bytes]:
    kept: deque[bytes] = deque(maxlen=tail)
    for part in (path.with_name(f"{path.name}.1"), path):
        try:
            kept.extend(part.read_bytes().split(b"\n")[:-1])
        except OSError:
            continue
    yield from kept


def _was_replaced(path: Path, descriptor: int) -> bool:
    try:
        return not os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False
