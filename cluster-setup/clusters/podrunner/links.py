"""Links: joins the network namespace of a Pod to the cluster's (ip(8)), and dials from inside it.

A Pod has one end of a pair of virtual cables, with its address; the cluster's end answers for the
gateway. The pair goes with the Pod's namespace, so that nothing has to be taken down.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import socket
import subprocess
import threading

from clusters.podrunner.addresses import CONTROL_PLANE

_CLONE_NEWNET = 0x40000000
_PATIENCE = 10.0
_INSIDE = """\
link set lo up
link set eth0 up
addr replace {address}/32 dev eth0
route replace {gateway}/32 dev eth0 scope link src {address}
route replace default via {gateway} dev eth0 src {address}
"""
_OUTSIDE = """\
link set {link} up
route replace {address}/32 dev {link} src {gateway}
"""

_libc = ctypes.CDLL(None, use_errno=True)


class LinkError(Exception):
    """The kernel did not make a link."""


def join(uid: str, pid: int, namespace: int, address: str) -> None:
    """Give a Pod its address, reachable from the cluster's network; may be repeated.

    Args:
        uid: the Pod's uid, after which the link is named.
        pid: a process that lives in the Pod's network namespace.
        namespace: that namespace, as an open descriptor.
        address: the Pod's address.

    Raises:
        LinkError: the kernel did not make it.
    """
    link = f"p{hashlib.sha256(uid.encode()).hexdigest()[:12]}"
    words = {"link": link, "address": address, "gateway": CONTROL_PLANE}
    if not os.path.exists(f"/sys/class/net/{link}") and not _is_there(link):
        _ip(f"link add {link} type veth peer name eth0 netns {pid}\n")
    _ip(_INSIDE.format(**words), namespace)
    _ip(_OUTSIDE.format(**words))


def dial(namespace: int, address: tuple[str, int], seconds: float) -> socket.socket:
    """Connect to an address from inside a Pod; the connection stays there.

    Raises:
        OSError: nobody answers there.
    """
    made: list[socket.socket | OSError] = []

    def inside() -> None:  # a thread of its own: a namespace is entered by one thread only
        try:
            if _libc.setns(namespace, _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(socket.AF_INET, socket.SOCK_STREAM))
        except OSError as error:
            made.append(error)

    thread = threading.Thread(target=inside)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    connection = made[0]
    try:
        connection.settimeout(seconds)
        connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def _is_there(link: str) -> bool:
    return any(name == link for _, name in socket.if_nameindex())


def _ip(batch: str, namespace: int | None = None) -> None:
    inside = () if namespace is None else ("nsenter", f"--net=/proc/self/fd/{namespace}", "--")
    try:
        done = subprocess.run(
            [*inside, "ip", "-batch", "-"],
            input=batch,
            capture_output=True,
            text=True,
            check=False,
            timeout=_PATIENCE,
            pass_fds=() if namespace is None else (namespace,),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LinkError(str(error)) from error
    if done.returncode != 0:
        raise LinkError(done.stderr.strip()[:300])
