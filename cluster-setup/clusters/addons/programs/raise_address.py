"""Gives the network that this runs in one more address, at its loopback interface.

A program of its own, which needs nothing but Python: `python -I -S raise_address.py ADDRESS`. It
needs the right to change that network (CAP_NET_ADMIN); an address that is there stays.
"""

from __future__ import annotations

import os
import socket
import struct
import sys

_NEW_ADDRESS, _REQUEST, _ACKNOWLEDGE, _CREATE, _REPLACE = 20, 0x1, 0x4, 0x400, 0x100
_PREFIX, _SCOPE_HOST = 32, 254
_ADDRESS, _LOCAL = 1, 2


def request(address: str, interface: int) -> bytes:
    """Return the message RTM_NEWADDR of rtnetlink(7)."""
    octets = socket.inet_aton(address)
    body = struct.pack("=BBBBi", socket.AF_INET, _PREFIX, 0, _SCOPE_HOST, interface)
    for kind in (_LOCAL, _ADDRESS):
        body += struct.pack("=HH4s", 8, kind, octets)
    flags = _REQUEST | _ACKNOWLEDGE | _CREATE | _REPLACE
    return struct.pack("=IHHII", 16 + len(body), _NEW_ADDRESS, flags, 1, 0) + body


def main() -> None:
    """Raise the address, or say why not."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as kernel:
        kernel.send(request(sys.argv[1], socket.if_nametoindex("lo")))
        (error,) = struct.unpack_from("=i", kernel.recv(4096), 16)
    if error:
        sys.exit(os.strerror(-error))


if __name__ == "__main__":
    main()
