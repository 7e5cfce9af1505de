"""Snapshots of embedded clusters: what etcd holds, kept in a file, and written back.

Written back is only what differs, while the API server is stopped. To the API server, and to
whoever watches it, that is a series of ordinary changes: versions of objects go on counting, so
that no cache anywhere holds what never was. The controllers, the scheduler and kwok remember what
they did about objects that were gone meanwhile (the garbage collector, for example, which of them
it saw go), so they are started again.

clusters/<name>/snapshots/<snapshot>     a line about it, and a line with every key and value
clusters/<name>/restoring                name of the snapshot, while one is written back; then also
                                         the moment up to which all was undone, until the audit
                                         log says so
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from clusters.addons.catalogue import existing
from clusters.binaries import ensure_binaries
from clusters.errors import ClusterError, NotFound
from clusters.providers.embedded import processes
from clusters.providers.embedded.addons import binaries_of
from clusters.providers.embedded.components import COMPONENTS, DOOR, NETWORK_BINARIES
from clusters.providers.embedded.control_plane import ControlPlane
from clusters.providers.embedded.folder import ClusterFolder, Record, require_finished
from clusters.providers.embedded.store import Contents, Store, decoded
from clusters.snapshots import RESTORED_AT, TAKEN_AT, Snapshot, require_snapshot_name

_MARK = "restoring"
_NAMESPACE_LIMIT = 63
_ROUNDS = 5
_STAYING = (DOOR, "etcd", "kube-apiserver")
_OF_THE_MOMENT = ("/registry/leases/kube-node-lease/", "/registry/masterleases/")
"""Signs of life: neither kept nor brought back."""
_EVENTS = "/registry/events/"
"""Goes by itself after an hour, so it is not brought back."""


class StoreSnapshots:
    """Keeps and brings back what embedded clusters hold; a `clusters.snapshots.Snapshots`."""

    def __init__(
        self,
        folder_of: Callable[[str], ClusterFolder],
        resume: Callable[[ControlPlane], None],
    ) -> None:
        """Keep snapshots in the folders of clusters.

        Args:
            folder_of: returns the folder of a cluster.
            resume: starts what does not run of a cluster, and leaves alone what it holds.
        """
        self._folder_of = folder_of
        self._resume = resume

    def take(self, cluster: str, name: str) -> Snapshot:
        """Keep everything that a cluster holds now; a snapshot of this name is replaced."""
        path = self._path(cluster, require_snapshot_name(name))
        folder = self._folder_of(cluster)
        with folder.locked(made=True), _awake(folder), Store(folder.path) as store:
            if _read_mark(folder) is not None:
                raise ClusterError(f"cluster {cluster} is being taken back; create it again first")
            lines = [json.dumps({"taken_at": _now()}), json.dumps(_kept(store.objects()))]
            unfinished = f"snapshots/.{name}"
            folder.write_files({unfinished: "\n".join(lines).encode()})
            (folder.path / unfinished).replace(path)
        return _read(path)

    def taken(self, cluster: str) -> Sequence[Snapshot]:
        """Return the snapshots of a cluster, the oldest first."""
        folder = self._folder_of(cluster)
        require_finished(folder)
        return self._taken(folder)

    def restore(self, cluster: str, name: str) -> Snapshot:
        """Take a cluster back to a snapshot: the same objects, with the same uids."""
        path = self._path(cluster, require_snapshot_name(name))
        if not path.is_file():
            known = ", ".join(snapshot.name for snapshot in self.taken(cluster)) or "none"
            raise NotFound(f"cluster {cluster} has no snapshot {name!r}; it has {known}")
        folder = self._folder_of(cluster)
        with folder.locked(made=True):
            record, _ = require_finished(folder)
            network = NETWORK_BINARIES if record.networked else ()
            names = (*COMPONENTS, *network, *binaries_of(existing(record.addons)))
            binaries = ensure_binaries(names, kubernetes=record.minor)
            self.complete(folder, record, binaries)  # one that was interrupted, so that it is told
            if not path.is_file():
                raise NotFound(f"cluster {cluster} has no snapshot {name!r} any more")
            _halt(folder)
            _write_mark(folder, _Restore(name))
            self.complete(folder, record, binaries)
        return _read(path)

    def drop(self, cluster: str, name: str) -> None:
        """Forget a snapshot; a missing one is no error."""
        path, folder = self._path(cluster, require_snapshot_name(name)), self._folder_of(cluster)
        with folder.locked(made=True):
            mark = _read_mark(folder)
            if mark is not None and mark.name == name:
                raise ClusterError(
                    f"cluster {cluster} is being taken back to {name!r}; that has to end first"
                )
            path.unlink(missing_ok=True)

    def complete(self, folder: ClusterFolder, record: Record, binaries: Mapping[str, Path]) -> None:
        """Complete a restore that had begun, if one had. The caller holds the lock.

        Raises:
            ClusterError: the platform could not.
        """
        mark = _read_mark(folder)
        if mark is None:
            return
        snapshot = _read(self._snapshot(folder, mark.name))
        if not mark.restored_at:
            _halt(folder)
        plane = ControlPlane(folder, record, binaries)
        if not mark.restored_at:
            mark = self._write_back(folder, plane, snapshot)
        with closing(plane.connect()) as api:
            plane.let_go()
            plane.raise_walls()
            plane.start_store()
            plane.addons.prepare()
            plane.start_api_server()
            plane.wait_for_api_server(api)
            api.would_take("/api/v1/namespaces", _trace(snapshot, mark.restored_at))
        # Only now the controllers: without them the cluster is degraded, so that whoever finds it
        # after a kill completes this.
        (folder.path / _MARK).unlink()
        self._resume(ControlPlane(folder, record, binaries))

    def _write_back(
        self, folder: ClusterFolder, plane: ControlPlane, snapshot: Snapshot
    ) -> _Restore:
        plane.raise_walls()
        with Store(folder.path) as store:
            plane.start_store()
            plane.wait_for_store(store.answers)
            _make_equal(store, _contents(folder.path / "snapshots" / snapshot.name))
        for later in self._taken(folder):
            if later.taken_at > snapshot.taken_at:
                self._snapshot(folder, later.name).unlink(missing_ok=True)
        # Before anybody else writes: a repair must not undo what comes after.
        mark = _Restore(snapshot.name, _now())
        _write_mark(folder, mark)
        return mark

    def _path(self, cluster: str, name: str) -> Path:
        folder = self._folder_of(cluster)
        require_finished(folder)  # before its lock, which would make its folder
        return self._snapshot(folder, name)

    def _snapshot(self, folder: ClusterFolder, name: str) -> Path:
        return folder.path / "snapshots" / name

    def _taken(self, folder: ClusterFolder) -> list[Snapshot]:
        paths = self._snapshot(folder, "any").parent.glob("[!.]*")
        return sorted(map(_read, paths), key=lambda snapshot: (snapshot.taken_at, snapshot.name))


class _Restore(NamedTuple):
    """A restore that is under way."""

    name: str
    """Of the snapshot."""
    restored_at: str = ""
    """When everything was written back; empty until then."""


def _read_mark(folder: ClusterFolder) -> _Restore | None:
    try:
        name, _, restored_at = (folder.path / _MARK).read_text(encoding="utf-8").partition(" ")
    except FileNotFoundError:
        return None
    return _Restore(name, restored_at)


def _write_mark(folder: ClusterFolder, mark: _Restore) -> None:
    """Write the mark whole or not at all, whatever is killed meanwhile."""
    unfinished = f"{_MARK}.unfinished"
    folder.write_files({unfinished: " ".join(mark).strip().encode()})
    (folder.path / unfinished).replace(folder.path / _MARK)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _make_equal(store: Store, wanted: Contents) -> None:
    for _ in range(_ROUNDS):  # what was on its way when the API server stopped comes meanwhile
        changed = _differences(_kept(store.objects()), wanted)
        if not changed:
            return
        store.write(changed)
    raise ClusterError("something still writes to the cluster that is to be taken back")


def _differences(found: Contents, wanted: Contents) -> dict[str, str | None]:
    """Return what has to be written so that one becomes the other."""
    gone = {key: None for key in found.keys() - wanted.keys()}
    changed = {key: value for key, value in wanted.items() if found.get(key) != value}
    return {**gone, **{k: v for k, v in changed.items() if not decoded(k).startswith(_EVENTS)}}


def _kept(contents: Contents) -> Contents:
    return {k: v for k, v in contents.items() if not decoded(k).startswith(_OF_THE_MOMENT)}


def _halt(folder: ClusterFolder) -> None:
    """Stop all that writes to the store; what remembers too much ends."""
    running = processes.find_cluster(folder.path)
    for name in running.keys() - set(_STAYING):
        for process in running[name]:
            processes.end(process)
    for process in running.get("kube-apiserver", []):
        processes.hold(process)
    processes.let_all_go({"etcd": running.get("etcd", [])})


def _trace(snapshot: Snapshot, restored_at: str) -> dict[str, Any]:
    """Return what is asked for in vain, so that the audit log says what was undone."""
    moments = {TAKEN_AT: snapshot.taken_at, RESTORED_AT: restored_at}
    name = f"restored-{snapshot.name}"[:_NAMESPACE_LIMIT].rstrip("-")
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "annotations": moments},
    }


@contextmanager
def _awake(folder: ClusterFolder) -> Iterator[None]:
    """Let the store of a frozen cluster answer for a moment."""
    found = processes.find_cluster(folder.path).get("etcd", [])
    held = [process for process in found if processes.is_held(process)]
    processes.let_all_go({"etcd": held})
    try:
        yield
    finally:
        for process in held:
            processes.hold(process)


def _read(path: Path) -> Snapshot:
    with path.open(encoding="utf-8") as file:
        about = json.loads(file.readline())
    return Snapshot(path.name, about["taken_at"], path.stat().st_size)


def _contents(path: Path) -> Contents:
    with path.open(encoding="utf-8") as file:
        file.readline()
        contents: Contents = json.loads(file.readline())
    return contents
