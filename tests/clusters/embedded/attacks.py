"""Attacks: what an attacker starts with; for the tests of clusters with a network."""

from __future__ import annotations

import socket
from typing import Any

import httpx
import psutil

from clusters.provider import Cluster
from tests.clusters.embedded.pods import PODS


def host_addresses() -> list[str]:
    found = [
        address.address
        for addresses in psutil.net_if_addrs().values()
        for address in addresses
        if address.family == socket.AF_INET
    ]
    return sorted({"127.0.0.1", *found})


def make(client: httpx.Client, name: str, *command: str, **pod: Any) -> None:
    container = {"name": "main", "image": "busybox", "command": list(command)}
    container |= pod.pop("container", {})
    spec = {"restartPolicy": "Never", "containers": [container], **pod}
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"terminationGracePeriodSeconds": 1, **spec},
    }
    client.post(PODS, json=document).raise_for_status()


def cluster_port(cluster: Cluster) -> str:
    door = next(c.pid for c in cluster.components if c.name == "door")
    return str(psutil.Process(door).cmdline()[-1])
