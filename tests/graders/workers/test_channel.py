"""Channel: documents and descriptors between processes, and what is found out about the peer."""

from __future__ import annotations

import os
import socket

import pytest

from graders.workers.channel import Channel, ChannelClosed


def test_a_document_comes_with_its_descriptors() -> None:
    one, other = Channel.pair()
    reading, writing = os.pipe()

    one.send({"do": "it"}, [writing])
    document, (received,) = other.receive(5)
    os.write(received, b"through")

    assert document == {"do": "it"}
    assert os.read(reading, 10) == b"through"
    assert not os.get_inheritable(received), "programs that are started would keep it open"
    for descriptor in (reading, writing, received):
        os.close(descriptor)
    one.close()
    other.close()


def test_a_peer_that_is_gone_is_found_out_at_once() -> None:
    one, other = Channel.pair()
    one.close()

    with pytest.raises(ChannelClosed):
        other.receive(60)
    with pytest.raises(ChannelClosed):
        other.send({})
    other.close()


def test_a_peer_that_says_nothing_is_not_waited_for_longer_than_allowed() -> None:
    one, other = Channel.pair()

    with pytest.raises(TimeoutError):
        other.receive(0.05)
    one.close()
    other.close()


@pytest.mark.parametrize("data", [b"garbage", b"[1]", b"\xff", b'{"kind": "result"'])
def test_what_is_no_document_is_refused_and_its_descriptors_are_closed(data: bytes) -> None:
    raw, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    channel = Channel(end)
    reading, writing = os.pipe()
    socket.send_fds(raw, [data], [writing])
    os.close(writing)

    with pytest.raises(ValueError):  # noqa: PT011
        channel.receive(5)

    assert os.read(reading, 1) == b"", "the descriptor that came is still open"
    os.close(reading)
    raw.close()
    channel.close()
