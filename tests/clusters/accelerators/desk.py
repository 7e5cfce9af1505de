"""A desk before a real cluster with devices of every kind, to claim them and look what happens."""

from __future__ import annotations

import base64
import secrets
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from clusters.inventory import Inventory, parse_inventory
from clusters.provider import Cluster, ClusterProvider
from clusters.spec import ClusterSpec

DRIVER = "gpu.assay.dev"
PARTITIONS = "partition.gpu.assay.dev"
DRA = "/apis/resource.k8s.io/v1"
NAMESPACE = "/namespaces/default"
IMAGE = "registry.k8s.io/pause:3.10"

Claim = dict[str, Any]


def group(model: str, count: int = 1, **keys: Any) -> dict[str, Any]:
    return {"model": model, "count": count, "memory": "80Gi", "driverVersion": "1.0.0", **keys}


PROFILES = [
    {"name": "1g.10gb", "slices": 1, "memory": "10Gi"},
    {"name": "3g.40gb", "slices": 3, "memory": "40Gi"},
]
EVERYTHING = parse_inventory(
    {
        "extendedResource": "assay.dev/gpu",
        "nodes": [
            {
                "name": "a-linked",
                "devices": [group("LINKED", 8, numaNodes=2, nvlinkIslands=4)],
            },
            {
                "name": "b-cut",
                "devices": [group("CUT", partitions={"slices": 7, "profiles": PROFILES})],
            },
            {
                "name": "c-shared",
                "devices": [
                    group(
                        "SHARED",
                        sharing={"default": "20Gi", "min": "10Gi", "max": "60Gi", "step": "10Gi"},
                    )
                ],
            },
            {
                "name": "d-tainted",
                "devices": [
                    group("KEPT", taints=[{"key": "example.com/kept", "effect": "NoSchedule"}]),
                    group("BROKEN", health="unhealthy"),
                    group("UNSURE", health="unknown"),
                    group("FINE", 2),
                ],
            },
        ],
    },
    "everything",
)
"""An inventory that uses every key."""


def model(name: str, **request: Any) -> dict[str, Any]:
    """Return what a request for one device of a model says."""
    found = f"device.attributes['{DRIVER}'].model == '{name}'"
    return {
        "deviceClassName": DRIVER,
        "selectors": [{"cel": {"expression": found}}],
        **request,
    }


def exactly(wanted: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the requests of a claim for one thing."""
    return [{"name": "gpu", "exactly": dict(wanted)}]


@dataclass(frozen=True)
class Desk:
    """What a learner can do with a cluster, as far as claims go."""

    api: httpx.Client

    def claim(self, requests: list[dict[str, Any]], **devices: Any) -> str:
        """Create a claim and a Pod that uses it, both of one new name."""
        name = f"n{secrets.token_hex(4)}"
        body = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": name},
            "spec": {"devices": {"requests": requests, **devices}},
        }
        self.post(f"{DRA}{NAMESPACE}/resourceclaims", body)
        self.run_pod(
            name,
            resources={"claims": [{"name": "devices"}]},
            resourceClaims=[{"name": "devices", "resourceClaimName": name}],
        )
        return name

    def run_pod(self, name: str, resources: dict[str, Any], **spec: Any) -> None:
        container = {"name": "main", "image": IMAGE, "resources": resources}
        spec = {"containers": [container], "terminationGracePeriodSeconds": 0, **spec}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
        self.post(f"/api/v1{NAMESPACE}/pods", body)

    def given(self, name: str) -> list[dict[str, Any]]:
        """Return what a claim was given, none when the scheduler has refused it."""
        wait_until(lambda: self.results(name) or self.refusal(name))
        return self.results(name)

    def results(self, name: str) -> list[dict[str, Any]]:
        status = self.read_claim(name).get("status", {})
        found: list[dict[str, Any]] = (
            status.get("allocation", {}).get("devices", {}).get("results", [])
        )
        return found

    def read_claim(self, name: str) -> dict[str, Any]:
        return self.get(f"{DRA}{NAMESPACE}/resourceclaims/{name}")

    def claims(self) -> list[str]:
        """Return the names of all claims."""
        items = self.get(f"{DRA}{NAMESPACE}/resourceclaims")["items"]
        return [claim["metadata"]["name"] for claim in items]

    def refusal(self, name: str) -> str:
        """Return the scheduler's words about a Pod that it could not place."""
        for condition in self.pod(name).get("status", {}).get("conditions", ()):
            if condition["type"] == "PodScheduled" and condition["status"] == "False":
                return str(condition["message"])
        return ""

    def pod(self, name: str) -> dict[str, Any]:
        """Return a Pod, an empty one when it is gone."""
        answer = self.api.get(f"/api/v1{NAMESPACE}/pods/{name}")
        return dict(answer.json()) if answer.is_success else {}

    def runs(self, name: str) -> bool:
        return bool(self.pod(name).get("status", {}).get("phase") == "Running")

    def release(self, name: str) -> None:
        """Delete a Pod and its claim, and wait until both are gone."""
        self.remove(f"/api/v1{NAMESPACE}/pods/{name}")
        self.remove(f"{DRA}{NAMESPACE}/resourceclaims/{name}")

    def remove_at_once(self, path: str) -> None:
        """Delete an object; somebody may make it anew at once."""
        self._done(self.api.delete(path, params={"gracePeriodSeconds": 0}))

    def remove(self, path: str) -> None:
        """Delete an object and wait until it is gone."""
        self.api.delete(path, params={"gracePeriodSeconds": 0})
        wait_until(lambda: self.api.get(path).status_code == httpx.codes.NOT_FOUND)

    def device(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """Return what is published about a device that was given."""
        for one in self.get(f"{DRA}/resourceslices")["items"]:
            if one["spec"]["pool"]["name"] == result["pool"]:
                for device in one["spec"].get("devices", ()):
                    if device["name"] == result["device"]:
                        return dict(device)
        raise AssertionError(f"nobody publishes {result}")

    def get(self, path: str) -> dict[str, Any]:
        return self._done(self.api.get(path))

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._done(self.api.post(path, json=body))

    def put(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        return self._done(self.api.put(path, json=body))

    def _done(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        return dict(answer.json())


def desk_at(kubeconfig: Path) -> Desk:
    """Return a desk with the identity of a kubeconfig."""
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    authority = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=authority)
    with tempfile.NamedTemporaryFile() as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]) + b"\n")
        pair.write(base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return Desk(
        httpx.Client(base_url=cluster["server"], verify=context, timeout=30.0, trust_env=False)
    )


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    """Ask until the answer is true; fail when that takes too long."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.05)


def desk_of(
    provider: ClusterProvider, inventory: Inventory, version: str = ""
) -> Iterator[tuple[Desk, Cluster]]:
    name = f"dra-{secrets.token_hex(3)}"
    cluster = provider.create(ClusterSpec(name, inventory, kubernetes=version))
    desk = desk_at(cluster.kubeconfig)
    try:
        yield desk, cluster
    finally:
        desk.api.close()
        provider.delete(name)
