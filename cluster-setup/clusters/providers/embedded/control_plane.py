"""The control plane of one cluster: started in order and watched until it answers."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import Any

import psutil

from clusters.accelerators import device_classes, node_objects, resource_slices
from clusters.addons.catalogue import existing
from clusters.errors import ClusterError, NotReadyError
from clusters.inventory import Inventory
from clusters.providers.embedded import components, namespaces, network, processes
from clusters.providers.embedded.addons import HostAddOns, fitted
from clusters.providers.embedded.addons.files import AddOnFiles
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.components import DOOR, ComponentCommand
from clusters.providers.embedded.door import DOOR_SOCKET
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.embedded.logs import last_words
from clusters.providers.embedded.namespaces import Walls, walls_of
from clusters.providers.embedded.ports import shared_listener
from clusters.providers.embedded.processes import Running
from clusters.providers.embedded.timer_slack import timer_slack

START_SECONDS = 90.0
"""How long a component may take until it answers; a loaded laptop takes about ten."""
_POLL_SECONDS = 0.02
_NODE_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
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

    def __init__(
        self,
        folder: ClusterFolder,
        record: Record,
        binaries: Mapping[str, Path],
        running: Running | None = None,
    ) -> None:
        self._folder = folder
        self._record = record
        self._binaries = binaries
        self._running = processes.find_cluster(folder.path) if running is None else running
        self._started: dict[str, psutil.Process] = {}
        self._chosen = existing(record.addons)

    @property
    def missing(self) -> tuple[str, ...]:
        """The components that did not run when this was made."""
        return tuple(name for name in self._names if name not in self._running)

    @property
    def gate(self) -> str:
        """The component that listens at the cluster's port of this host."""
        return DOOR if self._record.walled else "kube-apiserver"

    @property
    def _names(self) -> tuple[str, ...]:
        return components.names_of(self._record)

    def let_go(self) -> None:
        """Let the processes go on that are held still."""
        processes.let_all_go(self._running)

    def raise_walls(self) -> None:
        """Start the door in a namespace of its own, unless the cluster does without."""
        if not self._record.walled:
            return
        if DOOR in self._running:
            self._started[DOOR] = self._running[DOOR][0]
            return
        socket = self._folder.path / DOOR_SOCKET
        socket.unlink(missing_ok=True)
        with shared_listener(self._record.port) as listener, self._walls() as walls:
            into = namespaces.making() if walls is None else walls.entering
            self._spawn(
                components.door(listener.fileno(), self._record.port),
                (*into, sys.executable),
                (listener.fileno(), *(walls.descriptors if walls else ())),
            )
        self._wait(DOOR, socket.exists)
        self._lay_network()

    def _lay_network(self) -> None:
        if self._record.networked:
            with self._walls() as walls:
                if walls is None:
                    raise self._death(DOOR)
                network.lay_network(walls)

    def start_store(self) -> None:
        """Start etcd and wait for its socket."""
        socket = self._folder.path / "etcd.sock"
        if "etcd" not in self._running:
            socket.unlink(missing_ok=True)
        self._start(components.etcd())
        self._wait("etcd", socket.exists)

    def wait_for_store(self, answers: Callable[[], bool]) -> None:
        """Wait until etcd serves."""
        self._wait("etcd", answers)

    def start_api_server(self) -> None:
        """Start the API server."""
        self._start(components.api_server(self._record.port, networked=self._record.networked))

    def connect(self) -> ApiServer:
        """Return a connection as the platform's own user; nothing is sent yet."""
        pki = self._folder.path / "pki"
        door = self._folder.path / DOOR_SOCKET if self._record.walled else None
        return ApiServer(self._record.port, pki / "ca.crt", pki / "platform.pem", door)

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
            api.try_to_clear(_NODE_LEASES)
        self._start(components.kwok(networked=self._record.networked))

    def start_controllers(self, api: ApiServer) -> None:
        """Start the controller-manager and the scheduler, once they have their roles.

        Started earlier they would be refused, and try again seconds later.
        """
        self.wait_for_api_server(api)
        self._start(components.controller_manager())
        self._start(components.scheduler())

    def add_accelerators(self, api: ApiServer, inventory: Inventory) -> None:
        """Create the nodes, their devices and the class of the devices, many at a time."""
        resources = "/apis/resource.k8s.io/v1"
        nodes = node_objects(inventory, self._record.kubernetes, datetime.now(UTC))
        slices = resource_slices(inventory, self._record.name)
        api.ensure_all(
            [
                *(("/api/v1/nodes", node) for node in nodes),
                *((f"{resources}/resourceslices", devices) for devices in slices),
                *((f"{resources}/deviceclasses", one) for one in device_classes(inventory)),
            ]
        )

    def add_network(self, api: ApiServer) -> None:
        """Make the objects of a new cluster's network, and start it."""
        if self._record.networked:
            api.ensure_all(network.name_service())
        self.start_network(api)

    def start_network(self, api: ApiServer) -> None:
        """Start what makes Services, names and Pods work, where the cluster has a network."""
        if not self._record.networked:
            return
        api.ensure_all(network.rights())
        self._start(network.dns())
        self.start(network.runner(), (sys.executable,))
        if names := [node["metadata"]["name"] for node in api.get("/api/v1/nodes")["items"]]:
            self._start(network.proxy(names[0]))

    def wait_for_controllers(self, api: ApiServer) -> None:
        """Wait until the controller-manager works: it makes the account of every namespace."""
        account = "/api/v1/namespaces/kube-system/serviceaccounts/default"
        self._wait("kube-controller-manager", lambda: api.has(account))

    def wait_for_nodes(self, api: ApiServer) -> None:
        """Wait until every node can be given Pods: controllers and simulation work.

        The simulation works a node's Pods once it holds the Lease of the node.
        """
        nodes = "/api/v1/nodes"
        self._wait(
            "kube-controller-manager", lambda: all(map(_takes_pods, api.get(nodes)["items"]))
        )
        wanted = set(components.nodes_of(self._record))
        self._wait("kwok", lambda: wanted <= set(map(_name, api.get(_NODE_LEASES)["items"])))

    @property
    def addons(self) -> HostAddOns:
        """What runs beside Kubernetes."""
        files = AddOnFiles(self._folder, self._record.port)
        nodes = components.nodes_of(self._record)
        return HostAddOns(self._chosen, nodes, files, self._binaries, self)

    def runs(self, component: str) -> bool:
        """Say whether a component runs already."""
        return component in self._running or component in self._started

    def start(self, command: ComponentCommand, program: Sequence[str]) -> None:
        """Start a component inside the walls, unless it runs.

        Raises:
            NotReadyError: it ended at once, or the walls are gone.
        """
        if command.name in self._running:
            self._started[command.name] = self._running[command.name][0]
            return
        if not self._record.walled:
            self._spawn(command, program)
            return
        with self._walls() as walls:
            if walls is None:
                raise self._death(DOOR)
            self._spawn(command, (*walls.entering, *program), walls.descriptors)

    @contextmanager
    def inside(self, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command inside the walls; it ends with the context."""
        with self._walls() as walls:
            into, descriptors = (walls.entering, walls.descriptors) if walls else ((), ())
            quiet = subprocess.DEVNULL
            with subprocess.Popen(
                [*into, *command], pass_fds=descriptors, stdin=quiet, stdout=quiet, stderr=quiet
            ) as process:
                try:
                    yield process
                finally:
                    process.kill()

    def _start(self, command: ComponentCommand) -> None:
        self.start(fitted(command, self._chosen), (str(self._binaries[command.name]),))

    def _walls(self) -> AbstractContextManager[Walls | None]:
        running = chain.from_iterable(self._running.values())
        return walls_of([*self._started.values(), *running])

    def _spawn(
        self, command: ComponentCommand, program: Sequence[str], descriptors: Sequence[int] = ()
    ) -> None:
        try:
            with timer_slack(command.slack):
                self._started[command.name] = processes.start_detached(
                    command.name,
                    [*program, *command.arguments],
                    self._folder.path,
                    self._folder.log(command.name),
                    command.environment,
                    descriptors,
                )
        except psutil.NoSuchProcess:
            raise self._death(command.name) from None

    def wait(self, slow: str, done: Callable[[], bool]) -> None:
        """Wait until something holds.

        Args:
            slow: component that is named, with the end of its log, where it takes too long.
            done: asked until it holds.

        Raises:
            NotReadyError: it took too long, or a component ended meanwhile.
        """
        self._wait(slow, done)

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


def _takes_pods(node: dict[str, Any]) -> bool:
    """Say whether a node is ready, and the controller-manager took the first taint off."""
    conditions = node["status"].get("conditions", [])
    ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
    return ready and not node["spec"].get("taints")


def _name(obj: dict[str, Any]) -> str:
    return str(obj["metadata"]["name"])
