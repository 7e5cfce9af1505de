"""KindProvider: clusters of containers, made by the `kind` binary on this host's Docker."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from clusters.addons import with_needs
from clusters.addons.catalogue import capabilities_of, require_addons
from clusters.binaries import ensure_binaries
from clusters.binaries.lock import lock_with
from clusters.capability import Capability
from clusters.errors import ClusterError, InputInvalid, NotFound
from clusters.home import home
from clusters.images.docker import docker_lacks
from clusters.inventory import Inventory
from clusters.phases import OnPhase, ignore, timed
from clusters.provider import Cluster, ClusterProvider, Component, state_of
from clusters.providers.disk import full_disk_explained, require_space
from clusters.providers.embedded import processes
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.embedded.logs import last_words
from clusters.providers.embedded.ports import held_port
from clusters.providers.embedded.processes import Running
from clusters.providers.kind import docker
from clusters.providers.kind.addons import ContainedAddOns
from clusters.providers.kind.config import config_file, kind_config
from clusters.providers.kind.creation import COMPONENT, explained, run_kind
from clusters.providers.kind.credentials import make_credentials
from clusters.providers.kind.docker import Container
from clusters.providers.kind.freezing import PauseFreezer, let_go
from clusters.providers.kind.gpus import has_gpus, host_offers, reserve_gpus
from clusters.providers.kind.layout import (
    NODES_LIMIT,
    container_names,
    kind_name,
    make_folders,
)
from clusters.providers.kind.logs import node_logs
from clusters.providers.kind.memory import node_memory
from clusters.providers.kind.node_image import bring_node_image, how_to_get_one, node_image_here
from clusters.providers.kind.nodes import Nodes, now
from clusters.providers.kind.services import services_of, start_services
from clusters.spec import ClusterSpec, is_cluster_name

NODE_DISK_NEEDED = 1 << 30
"""Bytes that a new node needs at Docker's; it copies 0.7 to 0.9 GB of its image."""


class KindProvider(ClusterProvider):
    """Makes clusters whose nodes are containers of this host's Docker.

    What runs is what Docker says, and the process table for what belongs to a cluster beside its
    nodes; files say only what a cluster is to be.
    """

    name = "kind"
    capabilities = frozenset({Capability.SCHEDULING, Capability.CONTAINERS, Capability.NETWORKING})
    freezer: PauseFreezer

    def __init__(self, root: Path | None = None) -> None:
        """Use the clusters below a folder.

        Args:
            root: the folder; None takes `kind` in the installation's home.
        """
        self.freezer = PauseFreezer(self._folder)
        self._given_root = root
        self.capabilities = KindProvider.capabilities | host_offers()

    @property
    def _root(self) -> Path:
        return (self._given_root or home() / "kind").resolve()

    def preflight(self) -> Sequence[str]:
        """Return what this host lacks."""
        if os.geteuid() != 0:
            return ["the audit log of a node belongs to root: run Assay as root for kind clusters"]
        if reason := docker_lacks():
            return [f"{reason}: `assay doctor --fix` sets it up"]
        return [] if node_image_here() else [how_to_get_one()]

    def create(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Make the cluster, or finish or repair one of this name; leave nothing on failure.

        A cluster that was ready once is never taken away: when it cannot be repaired it stays as
        it is, with everything that its owner did in it.
        """
        _require_nodes(spec.inventory)
        require_addons(spec.addons, self.name, self.capabilities)
        lock_with(spec.kubernetes)
        folder = self._folder(spec.name)
        with full_disk_explained(folder.path), folder.locked():
            record = folder.record()
            if record is not None and folder.uid():
                _require_same(spec, record)
                self._repair(folder, record, on_phase)
            else:
                self._make(folder, spec, on_phase)
            return self._describe(folder)

    def delete(self, name: str) -> None:
        """Remove the cluster with its nodes, network, processes and files."""
        folder = self._folder(name)
        if not folder.path.is_dir() and not self._left(folder):
            return
        with folder.locked():
            self._remove(folder)

    def list(self) -> Sequence[Cluster]:
        """Discover the clusters from Docker, the process table and the folders."""
        nodes = _nodes()
        names = {path.name for path in self._root.glob("*") if path.is_dir()}
        names |= docker.folders_mounted(nodes, self._root)
        names |= {f.name for f in map(Path, _networks()) if f.parent == self._root}
        running = processes.find_clusters(self._root)
        return [
            self._describe(self._folder(name), nodes, running.get(name, {}))
            for name in sorted(filter(is_cluster_name, names | set(running)))
        ]

    def status(self, name: str) -> Cluster:
        """Look at one cluster."""
        folder = self._folder(name)
        if not folder.path.is_dir() and not self._left(folder):
            raise NotFound(f"there is no cluster {name!r}; `assay cluster list` shows all")
        return self._describe(folder)

    def collect_logs(self, name: str, to: Path) -> Sequence[Path]:
        """Copy the logs of every node and of every process beside them into the folder `to`."""
        self.status(name)
        folder = self._folder(name)
        to.mkdir(parents=True, exist_ok=True)
        copied = [Path(shutil.copy(log, to / log.name)) for log in folder.path.glob("logs/*.log")]
        names = self._names(folder.record())
        for node in _nodes(kind_name(folder.path)):
            copied += node_logs(node, names.get(node.name, node.name), to)
        return sorted(copied)

    def _make(self, folder: ClusterFolder, spec: ClusterSpec, on_phase: OnPhase) -> None:
        self._clear(folder)
        try:
            kind = ensure_binaries(["kind"], on_phase)["kind"]
            image = bring_node_image(spec.kubernetes, on_phase)
            require_space(folder.path)
            _require_node_space(len(spec.inventory.nodes))
            with held_port() as port:
                record = _new_record(spec, image.kubernetes, port)
                folder.write_record(record)
            make_folders(folder, spec.inventory)
            docker.make_network(kind_name(folder.path), str(folder.path))
            gpus = reserve_gpus(folder, spec.inventory) if has_gpus(record) else {}
            config = kind_config(folder, spec.inventory, port, old_groups=_old_groups(), gpus=gpus)
            run_kind(kind, folder, config_file(config), image.reference, port, on_phase)
            nodes = docker.containers(kind_name(folder.path))
            # Docker would start a node again by itself, once; who repairs is `create`.
            docker.docker("update", "--restart=no", *(node.id for node in nodes))
            with timed(on_phase, "credentials", "Making credentials", 85):
                first = container_names(folder.path, spec.inventory)[spec.inventory.nodes[0].name]
                control_plane = next(node for node in nodes if node.name == first)
                folder.write_files(make_credentials(record.name, port, control_plane))
                (folder.path / "kind.kubeconfig").unlink(missing_ok=True)
            with timed(on_phase, "ready", "Waiting for the nodes", 100):
                uid = self._settle(folder, record)
            if record.addons:
                with timed(on_phase, "addons", "Starting add-ons", 100):
                    self._add_addons(folder, record, nodes)
            folder.mark_ready(uid)
        except BaseException:
            self._remove(folder)
            raise

    def _repair(self, folder: ClusterFolder, record: Record, on_phase: OnPhase) -> None:
        nodes = docker.containers(kind_name(folder.path))
        let_go(nodes)
        stopped = [node for node in nodes if not node.pid]
        missing = set(self._names(record)) - {node.name for node in nodes}
        if missing:
            raise ClusterError(
                f"nodes of cluster {folder.name} were removed behind its back, with their data: "
                "delete the cluster and create it again"
            )
        running = processes.find_cluster(folder.path)
        names = self._names(record)
        lost = [names[node.name] for node in stopped]
        lost += [each.name for each in services_of(record) if each.name not in running]
        up = not stopped and Nodes(folder, record, _inventory(record)).answer()
        if up and not lost:
            return
        with timed(on_phase, "repair", f"Starting again: {', '.join(lost) or 'nodes'}", 100):
            since = now()
            for node in stopped:
                _start(node, record.port, folder)
            self._settle(folder, record, None if up else since)

    def _settle(self, folder: ClusterFolder, record: Record, since: datetime | None = None) -> str:
        start_services(folder, record, processes.find_cluster(folder.path))
        return Nodes(folder, record, _inventory(record)).settle(since)

    def _add_addons(
        self, folder: ClusterFolder, record: Record, containers: Sequence[Container]
    ) -> None:
        nodes = Nodes(folder, record, _inventory(record))
        with closing(nodes.connect()) as api:
            ContainedAddOns(folder, record, containers, nodes.wait).add(api)

    def _remove(self, folder: ClusterFolder) -> None:
        folder.mark_incomplete()
        self._clear(folder)
        folder.remove()

    def _clear(self, folder: ClusterFolder) -> None:
        """Remove everything but the folder itself.

        Processes go first: a `docker run` of a killed creation would make a node afterwards. Its
        request may be with the daemon already, so after such an end Docker is asked twice.
        """
        folder.mark_incomplete()
        began = COMPONENT in processes.find_cluster(folder.path)
        processes.stop_cluster(folder.path)
        docker.remove_all(kind_name(folder.path), str(folder.path), settle=began)
        folder.clear()

    def _left(self, folder: ClusterFolder) -> bool:
        """Say whether anything but a folder is there of a cluster."""
        if processes.find_cluster(folder.path):
            return True
        return bool(_nodes(kind_name(folder.path)) or _networks(str(folder.path)))

    def _folder(self, name: str) -> ClusterFolder:
        return ClusterFolder(self._root / ClusterSpec(name).name)

    def _names(self, record: Record | None) -> dict[str, str]:
        """Return the names of nodes by those of their containers."""
        if record is None or record.inventory is None:
            return {}
        containers = container_names(self._root / record.name, record.inventory)
        return {container: node for node, container in containers.items()}

    def _describe(
        self,
        folder: ClusterFolder,
        every: Sequence[Container] | None = None,
        running: Running | None = None,
    ) -> Cluster:
        record, uid = folder.record(), folder.uid()
        mine = kind_name(folder.path)
        nodes = [n for n in (_nodes(mine) if every is None else every) if n.cluster == mine]
        if running is None:
            running = processes.find_cluster(folder.path)
        found = tuple(_components(folder, record, self._names(record), nodes, running))
        return Cluster(
            name=folder.name,
            provider=self.name,
            state=state_of(bool(record and uid), found),
            kubernetes=record.kubernetes if record else "",
            capabilities=record.capabilities if record else KindProvider.capabilities,
            kubeconfig=folder.kubeconfig("learner"),
            grader_kubeconfig=folder.kubeconfig("grader"),
            platform_kubeconfig=folder.kubeconfig("platform"),
            audit_log=folder.audit_log,
            owner=record.owner if record else "",
            uid=uid,
            created_at=record.created_at if record else "",
            frozen=any(node.paused for node in nodes),
            addons=record.addons if record else (),
            components=found,
        )


def _nodes(name: str = "") -> list[Container]:
    """Return the nodes that Docker has; none where it cannot be asked."""
    try:
        return docker.containers(name)
    except ClusterError:
        return []


def _networks(folder: str = "") -> dict[str, str]:
    try:
        return docker.networks(folder)
    except ClusterError:
        return {}


def _components(
    folder: ClusterFolder,
    record: Record | None,
    names: dict[str, str],
    nodes: Sequence[Container],
    running: Running,
) -> Iterator[Component]:
    known = {node.name: node for node in nodes}
    for container, name in names.items():
        yield _node_component(name, known.get(container))
    for service in services_of(record) if record else ():
        if found := running.get(service.name):
            yield Component(service.name, found[0].pid, processes.resident_memory(found[0]))
        else:
            yield Component(service.name, None, detail=last_words(folder.log(service.name)))


def _node_component(name: str, node: Container | None) -> Component:
    if node is None:
        return Component(name, None, detail="its container is gone, or Docker does not answer")
    if not node.pid or not Path(f"/proc/{node.pid}").exists():
        return Component(name, None, detail=node.ended or "it has ended just now")
    return Component(name, node.pid, node_memory(node.id, node.pid))


def _new_record(spec: ClusterSpec, kubernetes: str, port: int) -> Record:
    return Record(
        name=spec.name,
        owner=spec.owner,
        kubernetes=kubernetes,
        port=port,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        inventory=spec.inventory,
        capabilities=KindProvider.capabilities
        | (spec.capabilities & {Capability.GPU})
        | capabilities_of(spec.addons),
        addons=tuple(addon.name for addon in with_needs(spec.addons)),
    )


def _start(node: Container, port: int, folder: ClusterFolder) -> None:
    try:
        docker.docker("start", node.id)
    except ClusterError as error:
        raise explained(str(error), port, folder) from error


def _inventory(record: Record) -> Inventory:
    assert record.inventory is not None, "clusters of kind are never undressed"
    return record.inventory


def _require_nodes(inventory: Inventory) -> None:
    if len(inventory.nodes) > NODES_LIMIT:
        raise InputInvalid(
            [
                f"nodes: kind makes clusters of 1 to {NODES_LIMIT} nodes on one host, and the "
                f"inventory has {len(inventory.nodes)}"
            ]
        )


def _require_same(spec: ClusterSpec, record: Record) -> None:
    asked_version = lock_with(spec.kubernetes or record.kubernetes.rpartition(".")[0]).kubernetes
    for what, asked, found in (
        ("owner", spec.owner, record.owner),
        ("inventory", spec.inventory, record.inventory),
        ("choice of add-ons", tuple(a.name for a in with_needs(spec.addons)), record.addons),
        (
            "version of Kubernetes",
            asked_version.rpartition(".")[0],
            record.kubernetes.rpartition(".")[0],
        ),
    ):
        if asked != found:
            raise InputInvalid(
                [f"cluster {spec.name} exists with another {what}: delete it, or use another name"]
            )


def _require_node_space(nodes: int) -> None:
    theirs = Path(docker.docker("info", "--format", "{{.DockerRootDir}}").strip())
    needed = nodes * NODE_DISK_NEEDED
    if theirs.is_dir() and shutil.disk_usage(theirs).free < needed:
        raise ClusterError(
            f"the disk of {theirs} is full: these nodes need {needed >> 20} MiB there; free some "
            "space, for example with `docker system prune`"
        )


def _old_groups() -> bool:
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()
