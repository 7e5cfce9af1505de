"""The loopback port of an API server: chosen without a race, and held until the server has it."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import contextmanager

from clusters.errors import ClusterError

LOOPBACK = "127.0.0.1"
RANGE = range(20000, 30000)
"""Below what systems give to outgoing connections (Linux: from 32768), so that a cluster that is
repaired finds its port free, and below the node ports of Services (from 30000)."""
_TRIES = 200


@contextmanager
def held_port(port: int | None = None) -> Iterator[int]:
    """Hold a free loopback port, so that only an API server that shares ports can bind it too.

    The port is bound exclusively first: nobody else has it, and two creators cannot both get it.
    Only then is it opened to `kube-apiserver --permit-port-sharing`, which takes over.

    Args:
        port: the port to hold; None chooses one.

    Raises:
        ClusterError: the port, or every port tried, is taken.
    """
    candidates = [port] if port else random.sample(RANGE, _TRIES)
    for candidate in candidates:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as holder:
            if port:
                # Connections of the server that died linger on its port; they are not a user of it.
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if _bind(holder, candidate):
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                yield candidate
                return
    raise ClusterError(_taken(port))


def shared_listener(port: int) -> socket.socket:
    """Return a socket bound to a port that is held, to be handed to the process that listens.

    Raises:
        ClusterError: the port is not held, but in use by another program.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if not _bind(listener, port):
        listener.close()
        raise ClusterError(_taken(port))
    return listener


def _bind(holder: socket.socket, port: int) -> bool:
    try:
        holder.bind((LOOPBACK, port))
    except OSError:
        return False
    return True


def _taken(port: int | None) -> str:
    if port is None:
        return f"no free port on {LOOPBACK} between {RANGE.start} and {RANGE.stop - 1}"
    return (
        f"port {port} of the cluster's API server is in use by another program: end that program, "
        "or delete the cluster and create it again"
    )
