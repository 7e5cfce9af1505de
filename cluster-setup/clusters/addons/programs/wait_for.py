"""Waits until addresses answer, from inside a cluster's namespace.

A program of its own, which needs nothing but Python: `python -I -S wait_for.py SECONDS ADDRESS...`.
An address is `tcp://host:port`, which has to take a connection, or a URL, which has to answer 200.
It ends with 0 once all of them do, with 1 when that takes too long.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import sys
import time
from urllib.parse import urlsplit

_TIMEOUT = 2.0
_PAUSE = 0.05


def answers(address: str) -> bool:
    """Say whether somebody answers at an address; who it is is not asked."""
    parts = urlsplit(address)
    place = (parts.hostname or "", parts.port or 0)
    try:
        if parts.scheme == "tcp":
            socket.create_connection(place, _TIMEOUT).close()
            return True
        unverified = ssl._create_unverified_context  # it is ours, and tells nothing
        connection = (
            http.client.HTTPSConnection(*place, timeout=_TIMEOUT, context=unverified())
            if parts.scheme == "https"
            else http.client.HTTPConnection(*place, timeout=_TIMEOUT)
        )
        connection.request("GET", parts.path or "/")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False


def main() -> None:
    """Wait."""
    deadline = time.monotonic() + float(sys.argv[1])
    for address in sys.argv[2:]:
        while not answers(address):
            if time.monotonic() > deadline:
                sys.exit(f"{address} does not answer")
            time.sleep(_PAUSE)


if __name__ == "__main__":
    main()
