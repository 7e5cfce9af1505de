"""The control plane of one cluster: started in order and watched until it answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil

from clusters.accelerators import device_class, node_objects, resource_slices
from clusters.errors import ClusterError, NotReadyError
from clusters.providers.embedded import components, processes
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.components import ComponentCommand
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.embedded.logs import last_words

START_SECONDS = 90.0
"""How long a component may take until it answers; a loaded laptop takes about ten."""
_POLL_SECONDS = 0.02
_POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "probe"},
    "spec": {"containers": [{"name": "probe", "image": "probe"}]},
}
_DEFAULT_NAMESPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "default"}}
_DEFAULT_ACCOUNT = {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {"name": "default", "namespace": "default"},
}


class ControlPlane:
    """Starts what does not run yet of one cluster.

    The methods are steps; a new cluster takes all of them, one that is repaired those that leave
    alone what its owner did in it.
    """

    def __init__(self, folder: ClusterFolder, record: Record, binaries: Mapping[str, Path]) -> None:
        self._folder = folder
        self._record = record
        self._binaries = binaries
        self._running = processes.find_cluster(folder.path)
        self._started: dict[str, psutil.Process] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """The components that did not run when this was made."""
        return tuple(name for name in components.COMPONENTS if name not in self._running)

    def start_store(self) -> None:
        """Start etcd and wait for its socket."""
        socket = self._folder.path / "etcd.sock"
        if "etcd" not in self._running:
            socket.unlink(missing_ok=True)
        self._start(components.etcd())
        self._wait("etcd", socket.exists)

    def start_api_server(self) -> None:
        """Start the API server."""
        self._start(components.api_server(self._record.port))

    def connect(self) -> ApiServer:
        """Return a connection as the platform's own user; nothing is sent yet."""
        pki = self._folder.path / "pki"
        return ApiServer(self._record.port, pki / "ca.crt", pki / "platform.pem")

    def wait_for_api_server(self, api: ApiServer) -> None:
        """Wait until the API server has all that it makes for itself, its roles included."""
        self._wait("kube-apiserver", api.ready)

    def wait_for_pods(self, api: ApiServer) -> None:
        """Wait until the API server takes a Pod in the namespace `default`.

        The ServiceAccount that Pods need is made here: the controller-manager would make the
        same one, a second or two later.
        """
        default = "/api/v1/namespaces/default"

        def taken() -> bool:
            # One after the other: a Pod without its ServiceAccount is refused after a whole second.
            return (
                api.takes("/api/v1/namespaces", _DEFAULT_NAMESPACE)
                and api.takes(f"{default}/serviceaccounts", _DEFAULT_ACCOUNT)
                and api.would_take(f"{default}/pods", _POD)
            )

        self._wait("kube-apiserver", taken)

    def start_nodes(self, api: ApiServer) -> None:
        """Start the simulation of nodes."""
        if "kwok" not in self._running:
            # A new kwok would leave Pods alone until the Leases of the one that died run out.
            api.try_to_clear("/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases")
        self._start(components.kwok())

    def start_controllers(self, api: ApiServer) -> None:
        """Start the controller-manager and the scheduler, once they have their roles.

        Started earlier they would be refused, and try again seconds later.
        """
        self.wait_for_api_server(api)
        self._start(components.controller_manager())
        self._start(components.scheduler())

    def add_accelerators(self, api: ApiServer) -> None:
        """Create the nodes, their devices and the class of the devices."""
        inventory = self._record.inventory
        resources = "/apis/resource.k8s.io/v1"
        for node in node_objects(inventory, self._record.kubernetes):
            api.ensure("/api/v1/nodes", node)
        for devices in resource_slices(inventory, self._record.name):
            api.ensure(f"{resources}/resourceslices", devices)
        api.ensure(f"{resources}/deviceclasses", device_class(inventory))

    def wait_for_nodes(self, api: ApiServer) -> None:
        """Wait until every node can be given Pods: controllers and simulation work."""
        nodes = "/api/v1/nodes"
        self._wait("kwok", lambda: all(map(_is_ready, api.get(nodes)["items"])))
        self._wait(
            "kube-controller-manager", lambda: not any(map(_taints, api.get(nodes)["items"]))
        )

    def _start(self, command: ComponentCommand) -> None:
        if command.name in self._running:
            self._started[command.name] = self._running[command.name][0]
            return
        try:
            self._started[command.name] = processes.start_detached(
                command.name,
                [str(self._binaries[command.name]), *command.arguments],
                self._folder.path,
                self._folder.log(command.name),
                command.environment,
            )
        except psutil.NoSuchProcess:
            raise self._death(command.name) from None

    def _wait(self, slow: str, done: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not self._holds(done):
            if time.monotonic() > deadline:
                words = last_words(self._folder.log(slow))
                raise NotReadyError(
                    f"{slow} of cluster {self._folder.name} was not ready after "
                    f"{START_SECONDS:.0f} s; its log ends with: {words}"
                )
            time.sleep(_POLL_SECONDS)

    def _holds(self, done: Callable[[], bool]) -> bool:
        """Ask, and name the component that died where that is why there is no answer."""
        try:
            answer = done()
        except ClusterError:
            self._require_life()
            raise
        self._require_life()
        return answer

    def _require_life(self) -> None:
        for name, process in self._started.items():
            if not processes.alive(process):
                raise self._death(name)

    def _death(self, name: str) -> NotReadyError:
        words = last_words(self._folder.log(name)) or "nothing"
        return NotReadyError(
            f"{name} of cluster {self._folder.name} ended at once; its log ends with: {words}"
        )


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def _taints(node: dict[str, Any]) -> list[Any]:
    """Return what keeps Pods away; the controller-manager takes the first taint off."""
    taints: list[Any] = node["spec"].get("taints", [])
    return taints
