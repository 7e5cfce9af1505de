"""Probes: asks a container whether it is started, ready, alive, as its spec says.

Connections start inside the Pod's own network, so that a probe reaches nothing that the Pod itself
could not.
"""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from clusters.podrunner.links import dial

_STALE = 2.0
"""Seconds beyond its limit after which an answer says more about this host than the container."""


@dataclass(frozen=True)
class Target:
    """What is probed."""

    address: str
    """The Pod's address."""
    network: Callable[[], int]
    """Opens the Pod's network namespace."""
    execute: Callable[[list[str], float], tuple[int, str]]
    """Runs a command in the container: exit code and what it said."""
    ports: Mapping[str, int]
    """Named ports of the container."""


@dataclass(frozen=True)
class Answer:
    """What a probe found; `stale` where it should not count."""

    holds: bool
    message: str = ""
    stale: bool = False


def ask(probe: Mapping[str, Any], target: Target) -> Answer:
    """Ask once, within the probe's time."""
    seconds = float(probe.get("timeoutSeconds") or 1)
    began = time.monotonic()
    try:
        answer = _ask(probe, target, seconds)
    except (OSError, http.client.HTTPException, subprocess.SubprocessError, ValueError) as error:
        answer = Answer(False, str(error) or type(error).__name__)
    took = time.monotonic() - began
    return Answer(answer.holds, answer.message, not answer.holds and took > seconds + _STALE)


def run_hook(handler: Mapping[str, Any], target: Target, seconds: float) -> Answer:
    """Run a lifecycle handler to its end."""
    if sleep := handler.get("sleep"):
        time.sleep(min(float(sleep.get("seconds") or 0), seconds))
        return Answer(True)
    return ask({**handler, "timeoutSeconds": seconds}, target)


def _ask(probe: Mapping[str, Any], target: Target, seconds: float) -> Answer:
    if command := probe.get("exec"):
        code, said = target.execute(list(command.get("command") or ()), seconds)
        return Answer(code == 0, said[:512])
    if action := probe.get("httpGet"):
        return _get(action, target, seconds)
    if action := probe.get("tcpSocket"):
        where = (action.get("host") or target.address, _port(action["port"], target))
        _connected(target, where, seconds).close()
        return Answer(True)
    return Answer(False, f"a probe by {', '.join(probe)} is not available here")


def _get(action: Mapping[str, Any], target: Target, seconds: float) -> Answer:
    host, port = action.get("host") or target.address, _port(action["port"], target)
    connection = http.client.HTTPConnection(host, port, timeout=seconds)
    plain = _connected(target, (host, port), seconds)
    connection.sock = plain
    if action.get("scheme") == "HTTPS":
        connection.sock = _unverified().wrap_socket(plain)
    headers = {"User-Agent": "kube-probe/1.37", "Accept": "*/*"}
    headers |= {h["name"]: h["value"] for h in action.get("httpHeaders") or ()}
    try:
        connection.request("GET", action.get("path") or "/", headers=headers)
        status = connection.getresponse().status
    finally:
        connection.close()
    holds = 200 <= status < 400
    return Answer(holds, "" if holds else f"HTTP probe failed with statuscode: {status}")


def _connected(target: Target, where: tuple[str, int], seconds: float) -> Any:
    IPv4Address(where[0])  # a ValueError: names are not looked up for a probe
    network = target.network()
    try:
        return dial(network, where, seconds)
    finally:
        os.close(network)


def _port(port: int | str, target: Target) -> int:
    if isinstance(port, int):
        return port
    if port in target.ports:
        return target.ports[port]
    return int(port)


def _unverified() -> ssl.SSLContext:
    """Return what a kubelet uses for probes: nobody vouches for the certificates of Pods."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
