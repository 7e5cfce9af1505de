"""Channel: documents and open descriptors, from one process of the platform to another."""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

_LARGEST = 64 << 10
_DESCRIPTORS = 8
_INTEGER = array.array("i").itemsize


class ChannelClosed(ConnectionError):
    """The process at the other end is gone."""


class Message(NamedTuple):
    """What came."""

    document: dict[str, Any]
    descriptors: list[int]
    """Open in this process now; whoever received them closes them."""


class Channel:
    """One end. Messages stay whole; a lost peer is found out at once."""

    def __init__(self, end: socket.socket) -> None:
        """Speak over a connected unix socket of packets."""
        self._end = end

    @classmethod
    def pair(cls) -> tuple[Channel, Channel]:
        """Return the two ends of a new channel."""
        one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        return cls(one), cls(other)

    @classmethod
    def of_descriptor(cls, descriptor: int) -> Channel:
        """Return the end that another process left open under this number."""
        return cls(socket.socket(fileno=descriptor))

    def fileno(self) -> int:
        """Return the descriptor, for `select`."""
        return self._end.fileno()

    def send(self, document: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        """Send a document and copies of descriptors.

        Raises:
            ChannelClosed: nobody is there.
        """
        try:
            socket.send_fds(self._end, [json.dumps(document).encode()], list(descriptors))
        except OSError as error:
            raise ChannelClosed(str(error)) from error

    def receive(self, seconds: float | None = None) -> Message:
        """Wait for the next message.

        Args:
            seconds: how long; for ever when None.

        Raises:
            ChannelClosed: nobody is there.
            TimeoutError: nothing came in time.
            ValueError: what came is no document.
        """
        try:
            self._end.settimeout(seconds)
            # Not socket.recv_fds, which leaves the descriptors to programs that are started.
            data, attached, _, _ = self._end.recvmsg(
                _LARGEST, socket.CMSG_SPACE(_DESCRIPTORS * _INTEGER), socket.MSG_CMSG_CLOEXEC
            )
        except TimeoutError:
            raise
        except OSError as error:
            raise ChannelClosed(str(error)) from error
        descriptors = _descriptors_in(attached)
        if not data:
            raise ChannelClosed("the other end was closed")
        try:
            document = json.loads(data)
            if not isinstance(document, dict):
                raise ValueError("not a document")
        except ValueError:
            close_all(descriptors)
            raise
        return Message(document, descriptors)

    def hang_up(self) -> None:
        """Say nothing and hear nothing more; whoever waits for a message here is told so."""
        with suppress(OSError):  # the other end is gone, or this one is closed
            self._end.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close this end. Nobody may be waiting here: its number may soon be another file's."""
        self._end.close()


def _descriptors_in(attached: Sequence[tuple[int, int, bytes]]) -> list[int]:
    found = array.array("i")
    for level, kind, data in attached:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            found.frombytes(data[: len(data) - len(data) % _INTEGER])
    return list(found)


def close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors that nobody needs any more."""
    for descriptor in descriptors:
        with suppress(OSError):
            os.close(descriptor)
