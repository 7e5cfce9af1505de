"""Pods and what is asked of them; for the tests of clusters with a network."""

from __future__ import annotations

from typing import Any

import httpx

from clusters.binaries import binaries_present
from clusters.capability import Capability
from clusters.inventory import parse_inventory
from clusters.providers.embedded.components import NETWORK_BINARIES
from clusters.providers.embedded.network import why_no_network
from clusters.spec import ClusterSpec

LACKING = why_no_network() or ", ".join(binaries_present(NETWORK_BINARIES))
"""Why there are no such clusters on this host; empty where there are."""
WHY_NOT = f"no network for clusters here: {LACKING}"
CORE = "/api/v1/namespaces/default"
PODS, SERVICES = f"{CORE}/pods", f"{CORE}/services"


def networked_spec(name: str, *nodes: str) -> ClusterSpec:
    inventory = parse_inventory({"nodes": [{"name": node} for node in nodes]}, "test")
    return ClusterSpec(name, inventory, capabilities=frozenset({Capability.NETWORKING}))


def make(
    client: httpx.Client,
    name: str,
    image: str = "busybox",
    labels: dict[str, str] | None = None,
    pod: dict[str, Any] | None = None,
    **container: Any,
) -> None:
    spec = {"containers": [{"name": "main", "image": image, **container}], **(pod or {})}
    document = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {"terminationGracePeriodSeconds": 2, **spec},
    }
    client.post(PODS, json=document).raise_for_status()


def look(client: httpx.Client, name: str) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{PODS}/{name}").raise_for_status().json()
    return found


def is_ready(client: httpx.Client, name: str) -> bool:
    conditions = look(client, name)["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def main_status(client: httpx.Client, name: str) -> dict[str, Any]:
    statuses = look(client, name)["status"].get("containerStatuses") or [{}]
    found: dict[str, Any] = statuses[0]
    return found


def phase(client: httpx.Client, name: str) -> str:
    return str(look(client, name)["status"].get("phase"))


def log_of(client: httpx.Client, name: str, **query: str) -> str:
    return client.get(f"{PODS}/{name}/log", params=query).text
