"""Ports: free ones on the loopback, and those that must stay the same while notebooks run."""

from __future__ import annotations

import json
import os
import random
import secrets
import socket
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from clusters.errors import PreflightError

LOOPBACK = "127.0.0.1"
_RANGE = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, so that none of them is in the way."""
_TRIES = 200


@dataclass(frozen=True)
class HubPorts:
    """Ports inside the platform."""

    hub: int
    """The hub itself: running notebook servers know it, so it outlives a restart of the hub."""
    proxy_api: int
    """Where the hub tells its proxy what to route."""


def hub_ports(path: Path) -> HubPorts:
    """Return the ports in the file `path`; choose new ones where they are missing or taken."""
    try:
        ports = HubPorts(**json.loads(path.read_text(encoding="utf-8")))
        if is_free(ports.hub) and is_free(ports.proxy_api):
            return ports
    except (OSError, ValueError, TypeError):
        pass
    ports = HubPorts(free_port(), free_port())
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(asdict(ports)), encoding="utf-8")
    os.replace(draft, path)
    return ports


def free_port() -> int:
    """Return a port on the loopback that nobody listens on.

    Raises:
        PreflightError: none was found.
    """
    for port in random.sample(_RANGE, _TRIES):
        if is_free(port):
            return port
    raise PreflightError(f"no free port on {LOOPBACK} among {_TRIES} tried")


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port of the loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def holder_of(port: int) -> str:
    """Return who listens on a port, for people; empty when it cannot be found out."""
    try:
        connections = psutil.net_connections("tcp")
    except psutil.Error:
        return ""
    for connection in connections:
        if not connection.laddr or connection.laddr.port != port:
            continue
        if connection.status == psutil.CONN_LISTEN and connection.pid:
            try:
                return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
            except psutil.Error:
                return f"pid {connection.pid}"
    return ""
