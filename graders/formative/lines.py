"""Lines: JSON documents over a pair of pipes, one a line."""

from __future__ import annotations

import json
import os
import selectors
import time
from collections.abc import Mapping
from typing import Any

LINE_LIMIT = 4 << 20
"""Bytes of one line."""
_CHUNK = 64 << 10


class LinesBroken(Exception):
    """The other end is gone, too late, or wrote something that is no line."""


class Lines:
    """One end of a conversation."""

    def __init__(self, reading: int, writing: int) -> None:
        """Talk over two descriptors, which it closes at the end."""
        self._reading = reading
        self._writing = writing
        self._rest = b""

    def send(self, document: Mapping[str, Any]) -> None:
        """Send one document.

        Raises:
            LinesBroken: nobody reads.
        """
        line = json.dumps(document).encode() + b"\n"
        try:
            while line:
                line = line[os.write(self._writing, line) :]
        except OSError as error:
            raise LinesBroken("it has ended") from error

    def receive(self, seconds: float | None = None) -> dict[str, Any]:
        """Return the next document.

        Args:
            seconds: how long to wait for it; for ever when None.

        Raises:
            LinesBroken: none came.
        """
        deadline = None if seconds is None else time.monotonic() + seconds
        while b"\n" not in self._rest:
            if len(self._rest) > LINE_LIMIT:
                raise LinesBroken("it wrote too much")
            self._rest += self._read(deadline)
        line, _, self._rest = self._rest.partition(b"\n")
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise LinesBroken("it wrote what is no answer") from error
        if not isinstance(document, dict):
            raise LinesBroken("it wrote what is no answer")
        return document

    def close(self) -> None:
        """Close both pipes."""
        os.close(self._reading)
        os.close(self._writing)

    def _read(self, deadline: float | None) -> bytes:
        if deadline is not None:
            with selectors.DefaultSelector() as selector:
                selector.register(self._reading, selectors.EVENT_READ)
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    raise LinesBroken("it did not answer in time")
        data = os.read(self._reading, _CHUNK)
        if not data:
            raise LinesBroken("it has ended")
        return data
