"""The door of a walled cluster: lets connections of the host pass to the API server inside.

A program of its own, which needs nothing but Python: `python -I -S door.py DESCRIPTOR PORT`. It
lives in the cluster's network namespace and keeps it alive. DESCRIPTOR is a socket that listens on
the host's loopback; it goes on belonging to the host's network. Beside it the door listens at
the unix socket `api.sock` in its working folder. Every connection goes to loopback port PORT of
the namespace, unread: whoever comes in has to show the API server a certificate.
"""

from __future__ import annotations

import os
import resource
import select
import socket
import sys
import time

INSIDE = "127.0.0.1"
DOOR_SOCKET = "api.sock"
_CHUNK = 1 << 16
_DIAL_SECONDS = 5.0
_BACKLOG = 256


class Passage:
    """Two connected sockets, and what has to be sent to each of them."""

    def __init__(self, poll: select.epoll, outer: socket.socket, inner: socket.socket) -> None:
        self._poll = poll
        self._other = {outer: inner, inner: outer}
        self._waiting = {outer: b"", inner: b""}
        self._ended: set[socket.socket] = set()
        self._watched = {outer: 0, inner: 0}
        for end in self._other:
            end.setblocking(False)
        self._watch()

    @property
    def descriptors(self) -> list[int]:
        """The two sockets, as epoll names them."""
        return [end.fileno() for end in self._other]

    def turn(self, descriptor: int, events: int) -> bool:
        """Do what can be done now; return False when the passage is over, and closed."""
        end = next(end for end in self._other if end.fileno() == descriptor)
        try:
            if events & select.EPOLLOUT:
                self._send(end, b"")
            if events & ~select.EPOLLOUT and end not in self._ended:
                self._receive(end)
        except BlockingIOError:
            pass
        except OSError:
            return self._close()
        if len(self._ended) == 2 and not any(self._waiting.values()):
            return self._close()
        self._watch()
        return True

    def _receive(self, end: socket.socket) -> None:
        data = end.recv(_CHUNK)
        if not data:
            self._ended.add(end)
        self._send(self._other[end], data)

    def _send(self, end: socket.socket, data: bytes) -> None:
        left = self._waiting[end] + data
        try:
            left = left[end.send(left) :] if left else left
        except BlockingIOError:
            pass
        self._waiting[end] = left
        if not left and self._other[end] in self._ended:
            end.shutdown(socket.SHUT_WR)

    def _watch(self) -> None:
        """Wait for what can go on; a socket that nothing is wanted of is not watched at all."""
        for end, other in self._other.items():
            reads = end not in self._ended and not self._waiting[other]
            wanted = (select.EPOLLIN if reads else 0) | (
                select.EPOLLOUT if self._waiting[end] else 0
            )
            known = self._watched[end]
            if wanted == known:
                continue
            if not wanted:
                self._poll.unregister(end)
            elif known:
                self._poll.modify(end, wanted)
            else:
                self._poll.register(end, wanted)
            self._watched[end] = wanted

    def _close(self) -> bool:
        for end in self._other:
            end.close()
        return False


def serve(listeners: list[socket.socket], port: int) -> None:
    """Let connections pass, for ever.

    Args:
        listeners: where they come from.
        port: loopback port inside.
    """
    poll = select.epoll()
    doors = {listener.fileno(): listener for listener in listeners}
    passages: dict[int, Passage] = {}
    for listener in listeners:
        listener.setblocking(False)
        poll.register(listener, select.EPOLLIN)
    while True:
        for descriptor, events in poll.poll():
            if descriptor in doors:
                passage = _enter(poll, doors[descriptor], port)
                passages.update(dict.fromkeys(passage.descriptors, passage) if passage else {})
            elif (passage := passages.get(descriptor)) is not None:
                both = passage.descriptors
                if not passage.turn(descriptor, events):
                    for end in both:
                        del passages[end]


def _enter(poll: select.epoll, listener: socket.socket, port: int) -> Passage | None:
    try:
        outer, _ = listener.accept()
    except BlockingIOError:
        return None
    except OSError:  # no descriptor is left: some will be closed
        time.sleep(0.05)
        return None
    try:
        inner = socket.create_connection((INSIDE, port), _DIAL_SECONDS)
    except OSError:
        outer.close()
        return None
    for end in (outer, inner):
        if end.family == socket.AF_INET:
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Passage(poll, outer, inner)


def listen_at(path: str) -> socket.socket:
    """Listen at a unix socket, in place of one that an ended door has left."""
    if os.path.lexists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    unfinished = f"{path}.new"
    if os.path.lexists(unfinished):
        os.unlink(unfinished)
    listener.bind(unfinished)
    os.chmod(unfinished, 0o600)
    listener.listen(_BACKLOG)
    os.rename(unfinished, path)
    return listener


def raise_loopback() -> None:
    """Let the namespace reach itself (SIOCSIFFLAGS of netdevice(7): a name, then the flags)."""
    import fcntl

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, 0x8914, b"lo".ljust(16, b"\0") + (1).to_bytes(16, sys.byteorder))


def main() -> None:
    """Open the door."""
    descriptor, port = map(int, sys.argv[1:])
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    raise_loopback()
    outside = socket.socket(fileno=descriptor)
    outside.listen(_BACKLOG)
    serve([outside, listen_at(DOOR_SOCKET)], port)


if __name__ == "__main__":
    main()
