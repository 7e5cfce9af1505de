"""EmbeddedProvider: clusters as processes of this host, without a container or root."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from clusters.binaries import binaries_present, ensure_binaries
from clusters.binaries.lock import lock_with
from clusters.capability import Capability
from clusters.errors import ClusterError, InputInvalid, NotFound, NotReadyError
from clusters.home import home
from clusters.phases import OnPhase, ignore, timed
from clusters.provider import Cluster, ClusterProvider, ClusterState, Component
from clusters.providers.embedded import processes
from clusters.providers.embedded.components import COMPONENTS
from clusters.providers.embedded.control_plane import ControlPlane
from clusters.providers.embedded.credentials import make_credentials, server_at
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.embedded.logs import last_words
from clusters.providers.embedded.ports import held_port
from clusters.providers.embedded.processes import Running
from clusters.spec import ClusterSpec, is_cluster_name

Binaries = Mapping[str, Path]
DISK_NEEDED = 150 * 2**20
"""Bytes that a new cluster needs: etcd sets aside 64 MiB at a time for its write-ahead log."""


class EmbeddedProvider(ClusterProvider):
    """Makes clusters of etcd, the Kubernetes control plane and kwok.

    What runs is found in the process table by a mark in the environment of each process, so it is
    right after any crash; files say only what a cluster is to be.
    """

    name = "embedded"
    capabilities = frozenset({Capability.SCHEDULING})
    copies = True

    def __init__(self, root: Path | None = None) -> None:
        """Use the clusters below a folder.

        Args:
            root: the folder; None takes `clusters` in the installation's home.
        """
        self._given_root = root
        self._found: dict[Path, Running] = {}

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
        binaries = ensure_binaries(COMPONENTS, on_phase, kubernetes=spec.kubernetes)
        folder = self._folder(spec.name)
        with self._explained(folder), folder.locked():
            record = folder.record()
            if record is not None and folder.uid():
                _require_same(spec, record)
                self._repair(ControlPlane(folder, record, binaries), record.port, on_phase)
            else:
                self._make(folder, spec, binaries, on_phase)
            return self._describe(folder, processes.find_cluster(folder.path))

    def copy(self, name: str, spec: ClusterSpec) -> Cluster:
        """Make a cluster that holds what another one holds; the other one is stopped for it."""
        binaries = ensure_binaries(COMPONENTS, kubernetes=spec.kubernetes)
        source, folder = self._folder(name), self._folder(spec.name)
        with self._explained(folder), folder.locked():
            if folder.record() is not None:
                raise InputInvalid([f"cluster {spec.name} exists: use another name for the copy"])
            try:
                self._make_copy(source, folder, spec, binaries)
            except BaseException:
                self._remove(folder)
                raise
            return self._describe(folder, processes.find_cluster(folder.path))

    def delete(self, name: str) -> None:
        """Remove the cluster with its processes, ports and files; a missing one is no error."""
        folder = self._folder(name)
        if not folder.path.is_dir() and not processes.find_cluster(folder.path):
            return
        with self._explained(folder), folder.locked():
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

    def _make(
        self,
        folder: ClusterFolder,
        spec: ClusterSpec,
        binaries: Binaries,
        on_phase: OnPhase,
    ) -> None:
        processes.stop_cluster(folder.path)
        folder.clear()
        try:
            _require_space(folder.path)
            with held_port() as port:
                record = _new_record(spec, port)
                folder.write_record(record)
                with timed(on_phase, "credentials", "Making credentials", 5):
                    folder.write_files(make_credentials(record.name, port))
                uid = self._start(ControlPlane(folder, record, binaries), on_phase)
                folder.mark_ready(uid)
        except BaseException:
            self._remove(folder)
            raise

    def _start(self, plane: ControlPlane, on_phase: OnPhase) -> str:
        with timed(on_phase, "etcd", "Starting etcd", 10):
            plane.start_store()
        with closing(plane.connect()) as api:
            with timed(on_phase, "api-server", "Starting the API server", 40):
                plane.start_api_server()
                plane.wait_for_pods(api)
            with timed(on_phase, "accelerators", "Adding nodes and accelerators", 45):
                plane.add_accelerators(api)
                plane.start_nodes(api)
            with timed(on_phase, "controllers", "Starting controllers and scheduler", 80):
                plane.start_controllers(api)
            with timed(on_phase, "nodes", "Waiting for the nodes", 100):
                plane.wait_for_nodes(api)
            return api.identity()

    def _make_copy(
        self, source: ClusterFolder, folder: ClusterFolder, spec: ClusterSpec, binaries: Binaries
    ) -> None:
        _require_space(folder.path)
        _require_finished(source)  # before its lock, which would make its folder
        with held_port() as port:
            with source.locked():
                former, uid = _require_finished(source)
                _require_same(replace(spec, owner=former.owner), former)
                record = replace(_new_record(spec, port), kubernetes=former.kubernetes)
                folder.write_record(record)
                processes.stop_cluster(source.path)
                folder.take_from(source, server_at(port), server_at(former.port))
            self._resume(ControlPlane(folder, record, binaries))
            folder.mark_ready(uid)

    def _repair(self, plane: ControlPlane, port: int, on_phase: OnPhase) -> None:
        if not plane.missing:
            return
        lost = ", ".join(plane.missing)
        with ExitStack() as stack:
            stack.enter_context(timed(on_phase, "repair", f"Starting again: {lost}", 100))
            if "kube-apiserver" in plane.missing:
                stack.enter_context(held_port(port))
            self._resume(plane)

    def _resume(self, plane: ControlPlane) -> None:
        """Start what does not run, and leave alone what the owner did in the cluster."""
        with closing(plane.connect()) as api:
            plane.start_store()
            plane.start_api_server()
            plane.wait_for_api_server(api)
            plane.start_nodes(api)
            plane.start_controllers(api)

    def _find_again(self, folder: ClusterFolder) -> Running:
        """Return the processes of a cluster; those found before, as long as all of them live.

        Looking through every process of the host takes longer than all else that a check does.
        """
        found = self._found.get(folder.path)
        if found is None or not all(processes.alive(p) for group in found.values() for p in group):
            self._found.pop(folder.path, None)
            found = processes.find_cluster(folder.path)
            if set(COMPONENTS) <= set(found):
                self._found[folder.path] = found
        return found

    def _remove(self, folder: ClusterFolder) -> None:
        folder.mark_incomplete()
        processes.stop_cluster(folder.path)
        folder.remove()

    def _folder(self, name: str) -> ClusterFolder:
        return ClusterFolder(self._root / ClusterSpec(name).name)

    def _describe(self, folder: ClusterFolder, running: Running) -> Cluster:
        record, uid = folder.record(), folder.uid()
        found = tuple(_component(folder, name, running) for name in COMPONENTS)
        return Cluster(
            name=folder.name,
            provider=self.name,
            state=_state(bool(record and uid), found),
            kubernetes=record.kubernetes if record else "",
            capabilities=self.capabilities,
            kubeconfig=folder.kubeconfig("learner"),
            grader_kubeconfig=folder.kubeconfig("grader"),
            platform_kubeconfig=folder.kubeconfig("platform"),
            audit_log=folder.audit_log,
            owner=record.owner if record else "",
            uid=uid,
            created_at=record.created_at if record else "",
            components=found,
        )

    @contextmanager
    def _explained(self, folder: ClusterFolder) -> Iterator[None]:
        """Say that the disk is full where that is why something failed."""
        try:
            yield
        except (OSError, NotReadyError) as error:
            if not _is_about_space(error):
                raise
            raise ClusterError(_disk_full(folder.path)) from error


def _new_record(spec: ClusterSpec, port: int) -> Record:
    return Record(
        name=spec.name,
        owner=spec.owner,
        kubernetes=lock_with(spec.kubernetes).kubernetes,
        port=port,
        created_at=datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        inventory=spec.inventory,
    )


def _require_finished(folder: ClusterFolder) -> tuple[Record, str]:
    record, uid = folder.record(), folder.uid()
    if record is None or not uid:
        raise NotFound(f"there is no finished cluster {folder.name!r} to copy")
    return record, uid


def _require_same(spec: ClusterSpec, record: Record) -> None:
    for what, asked, found in (
        ("inventory", spec.inventory, record.inventory),
        ("owner", spec.owner, record.owner),
        ("Kubernetes", spec.kubernetes or record.kubernetes, record.kubernetes),
    ):
        if asked != found:
            raise InputInvalid(
                [f"cluster {spec.name} exists with another {what}: delete it, or use another name"]
            )


def _is_about_space(error: OSError | NotReadyError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "no space left on device" in str(error)


def _require_space(path: Path) -> None:
    if shutil.disk_usage(path).free < DISK_NEEDED:
        raise ClusterError(_disk_full(path))


def _disk_full(path: Path) -> str:
    return (
        f"the disk of {path} is full: a cluster needs {DISK_NEEDED >> 20} MiB there; free some "
        "space, or set ASSAY_HOME to a folder on another disk"
    )


def _component(folder: ClusterFolder, name: str, running: Running) -> Component:
    if name not in running:
        return Component(name, None, detail=last_words(folder.log(name)))
    process = running[name][0]
    return Component(name, process.pid, processes.resident_memory(process))


def _state(finished: bool, components: Sequence[Component]) -> ClusterState:
    if not finished:
        return ClusterState.INCOMPLETE
    if all(component.pid for component in components):
        return ClusterState.READY
    return ClusterState.DEGRADED
