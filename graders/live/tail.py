"""Tail: what is appended to audit logs, read by one thread for all clusters that are followed.

A log may grow faster than it is worth reading: who spams their own cluster must not keep this
thread from the others. Then the rest is skipped, and its reader is told that something is missing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from graders.audit import AuditEvent, is_gap, parse_event

EVERY = 0.04
"""Seconds between two looks at a log."""
CHUNK = 256 << 10
"""Bytes that are read of one log in one look."""
BACKLOG = 4 << 20
"""Bytes that may wait; what is beyond is skipped."""

log = logging.getLogger("assay.proctor.live")


@dataclass(frozen=True)
class News:
    """What was appended since the last look."""

    events: tuple[AuditEvent, ...] = ()
    skipped: bool = False
    """Whether something was left out, or was lost before it came here."""

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return bool(self.events) or self.skipped


class LogTail:
    """The end of one audit log, from where it is now."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None
        self._rest = b""
        with suppress(OSError):
            self._file = path.open("rb")
            self._file.seek(0, os.SEEK_END)

    def read(self) -> News:
        """Return what is new, at most a chunk of it."""
        try:
            if self._file is None:
                self._file = self._path.open("rb")
            data, skipped = self._next_bytes(self._file)
            if not data and self._was_rotated(self._file):
                self._file.close()
                self._file = self._path.open("rb")
                data, skipped = self._next_bytes(self._file)
        except OSError:
            return News()  # the cluster is being made, or goes
        *lines, self._rest = (self._rest + data).split(b"\n")
        skipped = skipped or any(map(is_gap, lines))
        events = (parse_event(line) for line in lines)
        return News(tuple(event for event in events if event is not None), skipped)

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _next_bytes(self, file: BinaryIO) -> tuple[bytes, bool]:
        waiting = os.fstat(file.fileno()).st_size - file.tell()
        if waiting <= BACKLOG:
            return file.read(CHUNK), False
        file.seek(-CHUNK, os.SEEK_END)
        file.readline()  # the rest of a line whose beginning is skipped
        self._rest = b""
        return file.read(CHUNK), True

    def _was_rotated(self, file: BinaryIO) -> bool:
        return not os.path.samestat(os.stat(self._path), os.fstat(file.fileno()))


OnNews = Callable[[News], None]


class Tails:
    """Follows any number of logs in one thread, which runs while there are some."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._followed: dict[str, tuple[LogTail, OnNews]] = {}
        self._thread: threading.Thread | None = None

    def add(self, key: str, path: Path, on_news: OnNews) -> None:
        """Follow a log from where it is now on.

        Args:
            key: names it, for `remove`.
            path: the log; it need not be there yet.
            on_news: called in the thread; must not take long.
        """
        tail = LogTail(path)
        with self._lock:
            self._followed[key] = (tail, on_news)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit-tail", daemon=True)
                self._thread.start()

    def remove(self, key: str) -> None:
        """Follow a log no more; one that is not followed is no error."""
        with self._lock:
            followed = self._followed.pop(key, None)
        if followed is not None:
            followed[0].close()

    def _run(self) -> None:
        while True:
            with self._lock:
                followed = list(self._followed.values())
                if not followed:
                    self._thread = None
                    return
            for tail, on_news in followed:
                try:
                    if news := tail.read():
                        on_news(news)
                except Exception:
                    log.exception("an audit log could not be followed")
            time.sleep(EVERY)
