"""Host: what a worker may ask of its runner, since it has neither network nor platform's files.

A connection to the API server of its cluster, and the files of that cluster's audit log: nothing
else, and no address or name comes from the worker.
"""

from __future__ import annotations

import errno
import itertools
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from graders.audit import open_log
from graders.errors import GradingError
from graders.workers.channel import Channel, ChannelClosed, Message

_CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 30.0
_READINGS = 16
"""Readings of the audit log that one worker has open at once; the oldest is given up for more."""


class Host:
    """The runner's side."""

    def __init__(self, server: str, audit_log: Path | None) -> None:
        """Serve one worker.

        Args:
            server: base URL of its cluster's API server.
            audit_log: current file of the cluster's audit log.
        """
        address = urlsplit(server)
        self._address = (address.hostname or "", address.port or 443)
        self._audit_log = audit_log
        self._readings: dict[int, Iterator[BinaryIO]] = {}
        """By number; whoever reads may begin another reading before the end of one."""
        self._numbers = itertools.count()
        self._channel, self.worker_end = Channel.pair()

    def connect(self) -> socket.socket | None:
        """Return a new connection to the API server; None where it cannot be reached."""
        try:
            return self._connect()
        except OSError:
            return None

    def fileno(self) -> int:
        """Return the descriptor that is readable when something was asked."""
        return self._channel.fileno()

    def serve_one(self) -> bool:
        """Answer what was asked; return whether more may come.

        Raises:
            GradingError: it was no question.
        """
        try:
            message = self._channel.receive(_ANSWER_SECONDS)
            self._answer(message)
        except ChannelClosed:
            return False
        except (ValueError, LookupError, TypeError) as error:
            raise GradingError("The check wrote into the place of the results") from error
        return True

    def close(self) -> None:
        """Forget the worker."""
        self._channel.close()
        self.worker_end.close()
        self._readings.clear()

    def _answer(self, message: Message) -> None:
        if message.descriptors:
            raise ValueError("a question comes without descriptors")
        try:
            match message.document:
                case {"do": "connect"}:
                    with self._connect() as connected:
                        self._channel.send({}, [connected.fileno()])
                case {"do": "audit"}:
                    self._channel.send({"reading": self._begin_reading()})
                case {"do": "next", "reading": int(number)}:
                    self._send_next(number)
                case _:
                    raise ValueError("no question")
        except ChannelClosed:
            raise
        except OSError as error:
            code = errno.ETIMEDOUT if isinstance(error, TimeoutError) else error.errno
            self._channel.send({"errno": code or errno.EIO})

    def _connect(self) -> socket.socket:
        connected = socket.create_connection(self._address, _CONNECT_SECONDS)
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connected

    def _begin_reading(self) -> int:
        if self._audit_log is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if len(self._readings) == _READINGS:  # most were left before their end
            del self._readings[min(self._readings)]
        number = next(self._numbers)
        self._readings[number] = open_log(self._audit_log)
        return number

    def _send_next(self, number: int) -> None:
        file = next(self._readings[number], None)
        if file is None:
            del self._readings[number]
        self._channel.send({}, [] if file is None else [file.fileno()])


class HostLink:
    """The worker's side. Safe from several threads."""

    def __init__(self, descriptor: int, connection: int | None = None) -> None:
        """Ask over the channel that was left open under this number.

        Args:
            descriptor: the channel.
            connection: a connection to the API server that is there already.
        """
        self._connection = None if connection is None else socket.socket(fileno=connection)
        self._channel = Channel.of_descriptor(descriptor)
        self._turn = threading.Lock()

    def dial(self) -> socket.socket:
        """Return a new connection to the API server.

        Raises:
            OSError: it cannot be reached.
        """
        if self._connection is not None:
            connected, self._connection = self._connection, None
            return connected
        _, (descriptor,) = self._ask({"do": "connect"})
        return socket.socket(fileno=descriptor)

    def open_log(self) -> Iterator[BinaryIO]:
        """Open the files of the audit log, oldest first, one at a time.

        Raises:
            OSError: one cannot be opened.
        """
        reading = self._ask({"do": "audit"}).document["reading"]
        while descriptors := self._ask({"do": "next", "reading": reading}).descriptors:
            yield open(descriptors[0], "rb")

    def _ask(self, question: dict[str, Any]) -> Message:
        with self._turn:
            self._channel.send(question)
            answer = self._channel.receive(_ANSWER_SECONDS)
        if code := answer.document.get("errno"):
            raise OSError(code, os.strerror(code))
        return answer
