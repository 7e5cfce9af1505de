"""SPDY/3.1, as far as Kubernetes streams need it (the SPDY Protocol, draft 3.1).

The API server speaks it with kubelets for `port-forward`: many streams on one connection. It does
without flow control and settings, as the library that the API server uses does too.
"""

from __future__ import annotations

import asyncio
import struct
import zlib
from collections.abc import Callable, Coroutine
from typing import Any

_SYN_STREAM, _SYN_REPLY, _RST_STREAM, _PING, _GOAWAY, _HEADERS = 1, 2, 3, 6, 7, 8
_VERSION = 3
_FIN = 1
_LONGEST_FRAME = 1 << 20
_WAITING = 64
"""Frames that wait for a reader, before the connection is read no further."""
_NAMES = (
    "options head post put delete trace accept accept-charset accept-encoding accept-language "
    "accept-ranges age allow authorization cache-control connection content-base content-encoding "
    "content-language content-length content-location content-md5 content-range content-type date "
    "etag expect expires from host if-match if-modified-since if-none-match if-range "
    "if-unmodified-since last-modified location max-forwards pragma proxy-authenticate "
    "proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade "
    "user-agent vary via warning www-authenticate method get status"
).split(" ")
_MORE_NAMES = (
    "200 OK",
    "version",
    "HTTP/1.1",
    "url",
    "public",
    "set-cookie",
    "keep-alive",
    "origin",
)
_TEXT = (
    "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
    "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
    "401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
    "503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
    "Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
    "application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
    "gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0."
)
DICTIONARY = (
    b"".join(len(name).to_bytes(4, "big") + name.encode() for name in (*_NAMES, *_MORE_NAMES))
    + _TEXT.encode()
)
"""What header blocks are compressed with (section 2.6.10.1)."""

Accept = Callable[["Stream"], Coroutine[Any, Any, None]]
"""Serves a stream that the other side has opened."""


class Stream:
    """One stream of a connection."""

    def __init__(self, connection: Connection, number: int, headers: dict[str, str]) -> None:
        """Serve a stream that the other side has opened with some headers."""
        self.headers = headers
        self._connection = connection
        self._number = number
        self._arrived: asyncio.Queue[bytes] = asyncio.Queue(_WAITING)
        self._over = False
        self._abandoned = False

    async def read(self) -> bytes:
        """Return what came next; nothing at its end."""
        if self._over:
            return b""
        data = await self._arrived.get()
        self._over = not data
        return data

    async def write(self, data: bytes) -> None:
        """Send data."""
        await self._connection.send_data(self._number, data)

    async def end(self) -> None:
        """Say that nothing more comes."""
        await self._connection.send_data(self._number, b"", fin=True)

    async def reset(self) -> None:
        """Say that the stream is over, in both directions."""
        await self._connection.send_reset(self._number)

    async def put(self, data: bytes) -> None:
        """Take what came for it."""
        if not self._abandoned:
            await self._arrived.put(data)

    def abandon(self) -> None:
        """Take nothing any more, and let go whoever waits to bring something."""
        self._abandoned = True
        while not self._arrived.empty():
            self._arrived.get_nowait()


class Connection:
    """The side of a connection that waits for streams."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, early: bytes = b""
    ) -> None:
        """Speak over a connection that has been upgraded.

        Args:
            reader: what comes.
            writer: where to send.
            early: what was read of it before.
        """
        self._reader = reader
        self._early = early
        self._writer = writer
        self._inflate = zlib.decompressobj(zdict=DICTIONARY)
        self._deflate = zlib.compressobj(zdict=DICTIONARY)
        self._streams: dict[int, Stream] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, accept: Accept) -> None:
        """Serve streams until the other side closes the connection."""
        try:
            while True:
                head = await self._read(8)
                first, length = struct.unpack(">II", head)
                flags, length = length >> 24, length & 0xFFFFFF
                if length > _LONGEST_FRAME:
                    return
                body = await self._read(length)
                if first >> 31:
                    if not await self._control(first & 0xFFFF, flags, body, accept):
                        return
                else:
                    await self._data(first, flags, body)
        except (asyncio.IncompleteReadError, ConnectionError, zlib.error):
            return
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def send_data(self, number: int, data: bytes, *, fin: bool = False) -> None:
        """Send a frame of data."""
        length = len(data) | (_FIN << 24 if fin else 0)
        self._writer.write(struct.pack(">II", number, length) + data)
        await self._writer.drain()

    async def send_reset(self, number: int) -> None:
        """End a stream in both directions."""
        self._streams.pop(number, None)
        await self._send(_RST_STREAM, 0, struct.pack(">II", number, 5))

    async def _read(self, count: int) -> bytes:
        early, self._early = self._early[:count], self._early[count:]
        return early + await self._reader.readexactly(count - len(early))

    async def _control(self, kind: int, flags: int, body: bytes, accept: Accept) -> bool:
        if kind == _SYN_STREAM:
            await self._open(flags, body, accept)
        elif kind == _HEADERS:
            self._headers(body[4:])  # whoever does not read them loses count of what comes next
        elif kind == _RST_STREAM:
            number = struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF
            if (stream := self._streams.pop(number, None)) is not None:
                await stream.put(b"")
        elif kind == _PING:
            await self._send(_PING, 0, body)
        return kind != _GOAWAY

    async def _open(self, flags: int, body: bytes, accept: Accept) -> None:
        number = struct.unpack(">I", body[:4])[0] & 0x7FFFFFFF
        stream = Stream(self, number, self._headers(body[10:]))
        self._streams[number] = stream
        if flags & _FIN:
            await stream.put(b"")
        nothing = self._deflate.compress(struct.pack(">I", 0))
        nothing += self._deflate.flush(zlib.Z_SYNC_FLUSH)
        await self._send(_SYN_REPLY, 0, struct.pack(">I", number) + nothing)
        task = asyncio.ensure_future(accept(stream))
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._forget(number, stream, done))

    def _forget(self, number: int, stream: Stream, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._streams.pop(number, None)
        stream.abandon()

    async def _data(self, number: int, flags: int, body: bytes) -> None:
        stream = self._streams.get(number & 0x7FFFFFFF)
        if stream is None:
            return
        if body:
            await stream.put(body)
        if flags & _FIN:
            await stream.put(b"")

    def _headers(self, block: bytes) -> dict[str, str]:
        text = self._inflate.decompress(block, _LONGEST_FRAME)
        (count,) = struct.unpack(">I", text[:4])
        found, at = {}, 4
        for _ in range(min(count, 256)):
            name, at = _word(text, at)
            value, at = _word(text, at)
            found[name.lower()] = value
        return found

    async def _send(self, kind: int, flags: int, body: bytes) -> None:
        head = struct.pack(">HHI", 0x8000 | _VERSION, kind, flags << 24 | len(body))
        self._writer.write(head + body)
        await self._writer.drain()


def _word(text: bytes, at: int) -> tuple[str, int]:
    length = int.from_bytes(text[at : at + 4], "big")
    return text[at + 4 : at + 4 + length].decode(errors="replace"), at + 4 + length
