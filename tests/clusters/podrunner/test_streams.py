"""Logs as they are shown, and SPDY as the API server speaks it."""

from __future__ import annotations

import asyncio
import struct
import zlib
from pathlib import Path

import pytest

from clusters.podrunner.logs import LogOptions, read_log
from clusters.podrunner.sandbox.init import Log
from clusters.podrunner.spdy import DICTIONARY, Connection, Stream

LOG = (
    b"2026-01-01T00:00:00.000000000Z stdout F one\n"
    b"2026-01-01T00:00:01.000000000Z stderr P two, \n"
    b"2026-01-01T00:00:02.000000000Z stderr F ended\n"
)


def shown(path: Path, **options: str) -> bytes:
    async def read() -> bytes:
        asked = LogOptions.from_query(options)
        return b"".join([piece async for piece in read_log(path, asked, lambda: False)])

    return asyncio.run(read())


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "0.log"
    path.write_bytes(LOG)
    return path


def test_a_log_is_shown_without_what_belongs_to_its_format(log: Path) -> None:
    assert shown(log) == b"one\ntwo, ended\n"


def test_parts_of_a_log_can_be_asked_for(log: Path) -> None:
    assert shown(log, tailLines="1") == b"ended\n"
    assert shown(log, tailLines="0") == b""
    assert shown(log, limitBytes="5") == b"one\nt"
    assert shown(log, sinceTime="2026-01-01T00:00:02Z") == b"ended\n"
    assert shown(log, timestamps="true", tailLines="1").startswith(b"2026-01-01T00:00:02")


def test_the_part_before_is_shown_too(log: Path) -> None:
    (log.parent / "0.log.1").write_bytes(b"2025-12-31T23:59:59.000000000Z stdout F zero\n")

    assert shown(log).startswith(b"zero\none\n")


def test_what_a_container_says_is_kept_line_by_line(tmp_path: Path) -> None:
    import os

    descriptor = os.open(tmp_path, os.O_PATH)
    log = Log(descriptor, "0.log")
    for said in (b"on", b"e\ntwo", b"\n", b"left"):
        log.add("stdout", said)
    log.end()
    os.close(descriptor)

    assert shown(tmp_path / "0.log") == b"one\ntwo\nleft"


def frame(kind: int, flags: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x8003, kind, flags << 24 | len(body)) + body


def block(packer: zlib._Compress, headers: dict[str, str]) -> bytes:
    text = struct.pack(">I", len(headers))
    for name, value in headers.items():
        for word in (name.encode(), value.encode()):
            text += struct.pack(">I", len(word)) + word
    return packer.compress(text) + packer.flush(zlib.Z_SYNC_FLUSH)


def test_streams_are_opened_answered_and_ended() -> None:
    packer = zlib.compressobj(zdict=DICTIONARY)
    opening = struct.pack(">IIH", 1, 0, 0) + block(packer, {"Streamtype": "data", "port": "80"})
    sent = frame(1, 0, opening) + struct.pack(">II", 1, 5) + b"hello"
    sent += struct.pack(">II", 1, 1 << 24) + frame(6, 0, struct.pack(">I", 7))

    async def talk() -> tuple[bytes, list[dict[str, str]]]:
        seen: list[dict[str, str]] = []

        async def echo(stream: Stream) -> None:
            seen.append(stream.headers)
            while data := await stream.read():
                await stream.write(data.upper())
            await stream.end()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await Connection(reader, writer, early).serve(echo)
            writer.close()

        early, rest = sent[:5], sent[5:]
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            writer.write(rest)
            answer = b""
            while struct.pack(">II", 1, 1 << 24) not in answer:
                answer += await reader.read(1000)
            writer.close()
        return answer, seen

    answer, seen = asyncio.run(asyncio.wait_for(talk(), 30))

    assert seen == [{"streamtype": "data", "port": "80"}]
    assert struct.pack(">HHI", 0x8003, 2, len(answer[8:18]))[:4] in answer  # a reply
    assert b"HELLO" in answer
    assert frame(6, 0, struct.pack(">I", 7)) in answer  # the ping, as it came


def test_a_connection_that_breaks_the_protocol_is_left() -> None:
    async def talk() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(frame(1, 0, b"\0" * 10 + b"no header block"))
        reader.feed_eof()

        async def never(stream: Stream) -> None:
            raise AssertionError

        class Nowhere:
            def write(self, data: bytes) -> None: ...

            async def drain(self) -> None: ...

        await Connection(reader, Nowhere()).serve(never)  # type: ignore[arg-type]

    asyncio.run(asyncio.wait_for(talk(), 10))
