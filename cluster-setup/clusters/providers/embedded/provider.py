"""EmbeddedProvider: clusters as processes of this host, without a container or root."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from clusters.addons import with_needs
from clusters.addons.catalogue import capabilities_of
from clusters.binaries import binaries_present, ensure_binaries
from clusters.binaries.lock import lock_with
from clusters.capability import Capability
from clusters.errors import (
    InputInvalid,
    NotFound,
)
from clusters.home import home
from clusters.inventory import Inventory
from clusters.phases import OnPhase, ignore, timed
from clusters.provider import Cluster, ClusterProvider, Component, state_of
from clusters.providers.disk import full_disk_explained, require_space
from clusters.providers.embedded import processes
from clusters.providers.embedded.components import COMPONENTS, names_of
from clusters.providers.embedded.control_plane import ControlPlane
from clusters.providers.embedded.credentials import make_credentials, server_at
from clusters.providers.embedded.folder import ClusterFolder, Record, require_finished
from clusters.providers.embedded.freezing import SignalFreezer, is_frozen
from clusters.providers.embedded.logs import last_words
from clusters.providers.embedded.namespaces import why_no_walls
from clusters.providers.embedded.network import why_no_network
from clusters.providers.embedded.ports import held_port
from clusters.providers.embedded.processes import Running
from clusters.providers.embedded.requirements import OWN, programs_of, require_same
from clusters.providers.embedded.snapshots import StoreSnapshots
from clusters.spec import ClusterSpec, is_cluster_name

Binaries = Mapping[str, Path]
_LOOKS, _LOOK_SECONDS = 20, 0.05


class EmbeddedProvider(ClusterProvider):
    """Makes clusters of etcd, the Kubernetes control plane and kwok.

    What runs is found in the process table by a mark in the environment of each process, so it is
    right after any crash; files say only what a cluster is to be.
    """

    name = "embedded"
    freezer: SignalFreezer
    snapshots: StoreSnapshots
    copies = True

    def __init__(self, root: Path | None = None) -> None:
        """Use the clusters below a folder.

        Args:
            root: the folder; None takes `clusters` in the installation's home.
        """
        self.dresser = self
        self.freezer = SignalFreezer(self._folder)
        self.snapshots = StoreSnapshots(self._folder, self._resume)
        self._given_root = root
        self._found: dict[Path, Running] = {}

    @cached_property
    def capabilities(self) -> frozenset[Capability]:  # type: ignore[override]
        """What clusters offer here: a network only where this host gives one."""
        network = frozenset() if why_no_network() else frozenset({Capability.NETWORKING})
        return frozenset({Capability.SCHEDULING}) | network

    @property
    def _root(self) -> Path:
        return (self._given_root or home() / "clusters").resolve()

    def preflight(self) -> Sequence[str]:
        """Return what this host lacks."""
        missing = binaries_present(COMPONENTS)
        problems = [
            f"{', '.join(missing)} must be brought to the cache first: `assay binaries fetch`"
        ]
        return problems if missing else []

    def create(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Make the cluster, or finish or repair one of this name; leave nothing on failure.

        A cluster that was ready once is never taken away: when it cannot be repaired it stays as
        it is, with everything that its owner did in it.
        """
        folder = self._folder(spec.name)
        binaries = self._binaries(_as_it_is(spec, folder), on_phase)
        with full_disk_explained(folder.path), folder.locked():
            record = folder.record()
            if record is not None and folder.uid():
                require_same(spec, record)
                self.snapshots.complete(folder, record, binaries)
                self._repair(ControlPlane(folder, record, binaries), record.port, on_phase)
            else:
                self._make(folder, _new_record(spec), binaries, on_phase)
            return self._describe(folder, self._started(folder))

    def create_undressed(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Make the control plane of a cluster without nodes; leave nothing on failure."""
        binaries = self._binaries(spec, on_phase)
        folder = self._folder(spec.name)
        with full_disk_explained(folder.path), folder.locked():
            if folder.record() is not None:
                raise InputInvalid([f"cluster {spec.name} exists: use another name"])
            record = replace(_new_record(spec), inventory=None)
            self._make(folder, record, binaries, on_phase)
            return self._describe(folder, self._started(folder))

    def dress(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Give an undressed cluster its owner and its inventory, and wait until nodes are ready."""
        binaries = self._binaries(spec)
        folder = self._folder(spec.name)
        with full_disk_explained(folder.path), folder.locked(made=True):
            record, _ = require_finished(folder)
            if record.inventory is None:
                record = replace(record, owner=spec.owner, inventory=spec.inventory)
                folder.write_record(record)
            require_same(spec, record)
            running = self._find_again(folder)
            bare = ControlPlane(folder, replace(record, inventory=None), binaries, running)
            self._repair(bare, record.port, on_phase)
            plane = ControlPlane(folder, record, binaries, None if bare.missing else running)
            with timed(on_phase, "accelerators", "Adding nodes and accelerators", 100):
                with closing(plane.connect()) as api:
                    plane.add_accelerators(api, spec.inventory)
                    plane.wait_for_nodes(api)
                    plane.start_network(api)
                    plane.addons.add(api)
            found = self._started(folder) if plane.missing else self._find_again(folder)
            return self._describe(folder, found)

    def copy(self, name: str, spec: ClusterSpec) -> Cluster:
        """Make a cluster that holds what another one holds; the other one is stopped for it."""
        binaries = self._binaries(spec)
        source, folder = self._folder(name), self._folder(spec.name)
        with full_disk_explained(folder.path), folder.locked():
            if folder.record() is not None:
                raise InputInvalid([f"cluster {spec.name} exists: use another name for the copy"])
            try:
                self._make_copy(source, folder, spec, binaries)
            except BaseException:
                self._remove(folder)
                raise
            return self._describe(folder, self._started(folder))

    def delete(self, name: str) -> None:
        """Remove the cluster with its processes, ports and files; a missing one is no error."""
        folder = self._folder(name)
        if not folder.path.is_dir() and not processes.find_cluster(folder.path):
            return
        with full_disk_explained(folder.path), folder.locked():
            self._remove(folder)

    def list(self) -> Sequence[Cluster]:
        """Discover the clusters from the running system, also those half made or half deleted."""
        running = processes.find_clusters(self._root)
        folders = {path.name for path in self._root.glob("*") if path.is_dir()}
        names = sorted(name for name in folders | set(running) if is_cluster_name(name))
        return [self._describe(self._folder(name), running.get(name, {})) for name in names]

    def status(self, name: str) -> Cluster:
        """Look at one cluster."""
        folder = self._folder(name)
        running = self._find_again(folder)
        if not running and not folder.path.is_dir():
            raise NotFound(f"there is no cluster {name!r}; `assay cluster list` shows all")
        return self._describe(folder, running)

    def collect_logs(self, name: str, to: Path) -> Sequence[Path]:
        """Copy the logs of every component into the folder `to` and return the files."""
        self.status(name)
        folder = self._folder(name)
        to.mkdir(parents=True, exist_ok=True)
        logs = sorted(folder.path.glob("logs/*.log"))
        return [Path(shutil.copy(log, to / log.name)) for log in logs]

    def _binaries(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Binaries:
        """Return the programs that a cluster is made of, bringing what is missing."""
        names = programs_of(spec, self.name, self.capabilities)
        return ensure_binaries(names, on_phase, kubernetes=spec.kubernetes)

    def _make(
        self,
        folder: ClusterFolder,
        record: Record,
        binaries: Binaries,
        on_phase: OnPhase,
    ) -> None:
        processes.stop_cluster(folder.path)
        folder.clear()
        try:
            require_space(folder.path)
            with held_port() as port:
                record = replace(record, port=port)
                folder.write_record(record)
                with timed(on_phase, "credentials", "Making credentials", 5):
                    files = make_credentials(record.name, port, network=record.networked)
                    folder.write_files(files)
                plane = ControlPlane(folder, record, binaries)
                uid = self._start(plane, record.inventory, on_phase)
                folder.mark_ready(uid)
        except BaseException:
            self._remove(folder)
            raise

    def _start(self, plane: ControlPlane, inventory: Inventory | None, on_phase: OnPhase) -> str:
        with timed(on_phase, "etcd", "Starting etcd", 10):
            plane.raise_walls()
            plane.start_store()
            plane.addons.prepare()
        with closing(plane.connect()) as api:
            with timed(on_phase, "api-server", "Starting the API server", 40):
                plane.start_api_server()
                plane.wait_for_pods(api)
            with timed(on_phase, "accelerators", "Adding nodes and accelerators", 45):
                if inventory:
                    plane.add_accelerators(api, inventory)
                plane.start_nodes(api)
            with timed(on_phase, "controllers", "Starting controllers and scheduler", 80):
                plane.start_controllers(api)
            with timed(on_phase, "nodes", "Waiting for the nodes", 90 if plane.addons else 100):
                plane.wait_for_nodes(api) if inventory else plane.wait_for_controllers(api)
                plane.add_network(api)
            if plane.addons:
                with timed(on_phase, "addons", "Starting add-ons", 100):
                    plane.addons.add(api)
            return api.identity()

    def _make_copy(
        self, source: ClusterFolder, folder: ClusterFolder, spec: ClusterSpec, binaries: Binaries
    ) -> None:
        require_space(folder.path)
        with held_port() as port:
            with source.locked(made=True):
                former, uid = require_finished(source)
                require_same(replace(spec, owner=former.owner), former)
                record = replace(_new_record(spec), port=port, kubernetes=former.kubernetes)
                folder.write_record(record)
                processes.stop_cluster(source.path)
                folder.take_from(source, server_at(port), server_at(former.port))
            self._resume(ControlPlane(folder, record, binaries))
            folder.mark_ready(uid)

    def _repair(self, plane: ControlPlane, port: int, on_phase: OnPhase) -> None:
        plane.let_go()
        if not plane.missing:
            return
        lost = ", ".join(plane.missing)
        with ExitStack() as stack:
            stack.enter_context(timed(on_phase, "repair", f"Starting again: {lost}", 100))
            if plane.gate in plane.missing:
                stack.enter_context(held_port(port))
            self._resume(plane)

    def _resume(self, plane: ControlPlane) -> None:
        """Start what does not run, and leave alone what the owner did in the cluster."""
        with closing(plane.connect()) as api:
            plane.raise_walls()
            plane.start_store()
            plane.addons.prepare()
            plane.start_api_server()
            plane.wait_for_api_server(api)
            plane.start_nodes(api)
            plane.start_controllers(api)
            plane.start_network(api)
            plane.addons.resume(api)

    def _find_again(self, folder: ClusterFolder) -> Running:
        """Return the processes of a cluster; those found before, as long as all of them live.

        Looking through every process of the host takes longer than all else that a check does.
        """
        found = self._found.get(folder.path)
        if found is None or not all(processes.alive(p) for group in found.values() for p in group):
            self._found.pop(folder.path, None)
            found = processes.find_cluster(folder.path)
            record = folder.record()
            if record and set(names_of(record)) <= set(found):
                self._found[folder.path] = found
        return found

    def _started(self, folder: ClusterFolder) -> Running:
        """Return the processes of a cluster that was started just now.

        A process that is becoming its program this very moment shows no mark (execve(2) gives it
        its environment last), so one that is missing is looked for again.
        """
        for _ in range(_LOOKS):
            record, found = folder.record(), processes.find_cluster(folder.path)
            if record and set(names_of(record)) <= set(found):
                break
            time.sleep(_LOOK_SECONDS)
        return found

    def _remove(self, folder: ClusterFolder) -> None:
        folder.mark_incomplete()
        processes.stop_cluster(folder.path)
        folder.remove()

    def _folder(self, name: str) -> ClusterFolder:
        return ClusterFolder(self._root / ClusterSpec(name).name)

    def _describe(self, folder: ClusterFolder, running: Running) -> Cluster:
        record, uid = folder.record(), folder.uid()
        names = names_of(record) if record else COMPONENTS
        found = tuple(_component(folder, name, running) for name in names)
        return Cluster(
            name=folder.name,
            provider=self.name,
            state=state_of(bool(record and uid), found),
            kubernetes=record.kubernetes if record else "",
            capabilities=_offered(record),
            kubeconfig=folder.kubeconfig("learner"),
            grader_kubeconfig=folder.kubeconfig("grader"),
            platform_kubeconfig=folder.kubeconfig("platform"),
            audit_log=folder.audit_log,
            owner=record.owner if record else "",
            dressed=not (record and record.inventory is None),
            uid=uid,
            created_at=record.created_at if record else "",
            frozen=is_frozen(running),
            addons=record.addons if record else (),
            components=found,
        )


def _new_record(spec: ClusterSpec) -> Record:
    return Record(
        name=spec.name,
        owner=spec.owner,
        kubernetes=lock_with(spec.kubernetes).kubernetes,
        port=0,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        inventory=spec.inventory,
        walled=not why_no_walls(),
        capabilities=(spec.capabilities & OWN) | capabilities_of(spec.addons),
        addons=tuple(addon.name for addon in with_needs(spec.addons)),
    )


def _offered(record: Record | None) -> frozenset[Capability]:
    return frozenset({Capability.SCHEDULING}) | (record.capabilities if record else frozenset())


def _as_it_is(spec: ClusterSpec, folder: ClusterFolder) -> ClusterSpec:
    """Return what a cluster needs: one that is finished stays at its minor of Kubernetes."""
    record = folder.record() if folder.uid() else None
    return spec if record is None else replace(spec, kubernetes=record.minor)


def _component(folder: ClusterFolder, name: str, running: Running) -> Component:
    if name not in running:
        return Component(name, None, detail=last_words(folder.log(name)))
    process = running[name][0]
    return Component(name, process.pid, processes.resident_memory(process))
