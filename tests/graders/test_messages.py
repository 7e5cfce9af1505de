"""The messages between runner and worker: whatever a check writes into their pipe is found out."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from graders.messages import LINE_LIMIT, Forged, Kind, Receiver, Sender

KEY = "ab" * 32


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reading, writing = os.pipe()
    yield reading, writing
    os.close(reading)
    os.close(writing)


def test_messages_arrive_as_they_were_sent(pipe: tuple[int, int]) -> None:
    sender, receiver = Sender(pipe[1], KEY), Receiver(KEY)

    sender.send(Kind.BEGIN, task="a\nb")
    sender.send(Kind.END)
    data = os.read(pipe[0], 1 << 16)
    received = [*receiver.feed(data[:50]), *receiver.feed(data[50:])]

    assert received == [{"kind": "begin", "task": "a\nb"}, {"kind": "end"}]


@pytest.mark.parametrize(
    "written",
    [
        b"\n",
        b"garbage\n",
        b'{"kind": "result", "result": {"task": "a", "outcome": "passed"}}\n',
        b"0" * 64 + b' {"kind": "end", "number": 0}\n',
        b"0" * (LINE_LIMIT + 1),
    ],
    ids=["an empty line", "garbage", "a result without a seal", "a wrong seal", "no end"],
)
def test_a_line_that_the_worker_did_not_seal_is_forged(written: bytes) -> None:
    with pytest.raises(Forged):
        list(Receiver(KEY).feed(written))


def test_a_message_that_is_sent_again_is_forged(pipe: tuple[int, int]) -> None:
    Sender(pipe[1], KEY).send(Kind.READY)
    line = os.read(pipe[0], 1 << 16)

    with pytest.raises(Forged):
        list(Receiver(KEY).feed(line + line))


def test_a_message_after_half_a_line_of_somebody_else_is_forged(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"no newline here ")
    Sender(pipe[1], KEY).send(Kind.READY)

    with pytest.raises(Forged):
        list(Receiver(KEY).feed(os.read(pipe[0], 1 << 16)))


def test_a_copy_of_the_worker_sends_nothing(pipe: tuple[int, int]) -> None:
    sender = Sender(pipe[1], KEY)
    sender._process += 1  # as it looks after a fork

    pid = os.fork()
    if pid == 0:
        sender.send(Kind.END)
        os._exit(0)  # not reached: the copy ends in send()
    _, status = os.waitpid(pid, 0)
    sender._process -= 1
    sender.send(Kind.READY)

    assert os.waitstatus_to_exitcode(status) == 1
    assert [m["kind"] for m in Receiver(KEY).feed(os.read(pipe[0], 1 << 16))] == ["ready"]
