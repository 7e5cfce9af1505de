"""The nodes of one cluster once they run: until they are ready, and what is put on them."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from clusters.accelerators import device_classes, resource_slices
from clusters.errors import ClusterError, NotReadyError
from clusters.inventory import Inventory
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.kind.gpus import has_gpus, install_driver

READY_SECONDS = 180.0
"""How long nodes may take until they are ready; 15 s on two free cores."""
_POLL_SECONDS = 0.2
_NODES = "/api/v1/nodes"
_RESOURCES = "/apis/resource.k8s.io/v1"
_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_TOKENS = "/api/v1/namespaces/kube-system/secrets"
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "probe"},
    "spec": {"containers": [{"name": "probe", "image": "probe"}]},
}


class Nodes:
    """What the platform does in a cluster whose containers run."""

    def __init__(self, folder: ClusterFolder, record: Record, inventory: Inventory) -> None:
        self._folder, self._record, self._inventory = folder, record, inventory

    def connect(self) -> ApiServer:
        """Return a connection as the platform's own user; nothing is sent yet."""
        pki = self._folder.path / "pki"
        return ApiServer(self._record.port, pki / "ca.crt", pki / "platform.pem")

    def answer(self) -> bool:
        """Say whether the API server is ready now."""
        with closing(self.connect()) as api:
            return api.ready()

    def settle(self, since: datetime | None = None) -> str:
        """Wait for every node, put on it what the inventory says, and return the cluster's uid.

        Args:
            since: when the nodes were started again; what they said before does not count.

        Raises:
            NotReadyError: a node was not ready in time.
            ClusterError: the API server refused something.
        """
        with closing(self.connect()) as api:
            self.wait("the API server", api.ready)
            self.wait("a node", lambda: self._all_ready(api, since))
            self._take_tokens_back(api)
            self._label(api)
            self._publish(api)
            pods = "/api/v1/namespaces/default/pods"
            self.wait("the controller-manager", lambda: api.would_take(pods, _POD))
            return api.identity()

    def _all_ready(self, api: ApiServer, since: datetime | None) -> bool:
        try:
            found = {node["metadata"]["name"]: node for node in api.get(_NODES)["items"]}
            leases = api.get(_LEASES)["items"] if since else []
        except ClusterError:  # it may go away once more while it starts
            return False
        names = {node.name for node in self._inventory.nodes}
        renewed = {lease["metadata"]["name"] for lease in leases if _after(lease, since)}
        return all(name in found and _is_ready(found[name]) for name in names) and (
            since is None or names <= renewed
        )

    def _take_tokens_back(self, api: ApiServer) -> None:
        """Remove the tokens that nodes joined with: whoever knows one can join as a node."""
        for secret in api.get(_TOKENS)["items"]:
            if secret.get("type") == "bootstrap.kubernetes.io/token":
                api.remove(f"{_TOKENS}/{secret['metadata']['name']}")

    def _label(self, api: ApiServer) -> None:
        for node in self._inventory.nodes:
            if node.labels:
                api.patch(f"{_NODES}/{node.name}", {"metadata": {"labels": dict(node.labels)}})

    def _publish(self, api: ApiServer) -> None:
        """Make the classes of devices, and wait until the driver has published the devices.

        It does so for each node once the kubelet has taken it, so who claims one then gets it.
        GPUs are published by NVIDIA's driver, with classes of its own.
        """
        if has_gpus(self._record):
            install_driver(self._folder, self._inventory, api)
            return
        classes = device_classes(self._inventory)
        api.ensure_all([(f"{_RESOURCES}/deviceclasses", one) for one in classes])
        wanted = {one["metadata"]["name"] for one in resource_slices(self._inventory, "")}
        self.wait("the DRA driver", lambda: wanted <= self._slices(api))

    def _slices(self, api: ApiServer) -> set[str]:
        found = api.get(f"{_RESOURCES}/resourceslices")["items"]
        return {one["metadata"]["name"] for one in found}

    def wait(self, what: str, done: Callable[[], bool]) -> None:
        """Wait until something holds.

        Raises:
            NotReadyError: it did not in time; names what was slow.
        """
        deadline = time.monotonic() + READY_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise NotReadyError(
                    f"{what} of cluster {self._folder.name} was not ready after "
                    f"{READY_SECONDS:.0f} s: `assay cluster logs {self._folder.name}` says more"
                )
            time.sleep(_POLL_SECONDS)


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    taints = [taint["key"] for taint in node["spec"].get("taints", [])]
    return (
        any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
        and "node.kubernetes.io/not-ready" not in taints
    )


def _after(lease: dict[str, Any], since: datetime | None) -> bool:
    renewed = lease["spec"].get("renewTime")
    return since is None or (bool(renewed) and datetime.fromisoformat(renewed) >= since)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
