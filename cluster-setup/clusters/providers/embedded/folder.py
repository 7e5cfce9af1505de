"""ClusterFolder: the files of one cluster, and the lock of who changes it.

clusters/<name>/                 0700; its lock is the folder itself, so the lock goes with it
  cluster.json                   what it is to be, written before anything starts
  ready.json                     what it became; missing while incomplete
  pki/                           certificates and keys
  learner.kubeconfig             ... and one for each other identity
  logs/<component>.log
  audit/audit.log
  addons/                        what runs beside Kubernetes, a folder for each process
  etcd/, etcd.sock               data and socket
  snapshots/, restoring          what it held at moments, and to which it is being taken back
  api.sock                       the API server, for the platform itself; only where it has walls
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.capability import Capability
from clusters.errors import ClusterError, NotFound
from clusters.inventory import Inventory

LOCK_SECONDS = 300.0
"""How long to wait for another command on the same cluster; longer than any of them takes."""


@dataclass(frozen=True)
class Record:
    """What a cluster is to be, as written when its creation began."""

    name: str
    owner: str
    kubernetes: str
    port: int
    created_at: str
    inventory: Inventory | None
    """None while the cluster is not dressed."""
    walled: bool = False
    """Whether its processes live in a network namespace of their own."""
    capabilities: frozenset[Capability] = frozenset()
    """What it offers beyond scheduling."""
    addons: tuple[str, ...] = ()
    """What runs in it beside Kubernetes, in the order in which it starts."""

    @property
    def minor(self) -> str:
        """Version of Kubernetes up to its minor number, for example `1.37`.

        What is repaired is repaired with it, also where a newer patch, or minor, is pinned by now.
        """
        return ".".join(self.kubernetes.removeprefix("v").split(".")[:2])

    @property
    def networked(self) -> bool:
        """Whether Pods have addresses, and processes behind them."""
        return Capability.NETWORKING in self.capabilities

    def to_json(self) -> dict[str, Any]:
        """Return the content of `cluster.json`."""
        return {
            "name": self.name,
            "owner": self.owner,
            "kubernetes": self.kubernetes,
            "port": self.port,
            "created_at": self.created_at,
            "inventory": self.inventory and self.inventory.model_dump(mode="json", by_alias=True),
            "walled": self.walled,
            "capabilities": sorted(self.capabilities),
            "addons": list(self.addons),
        }

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Record:
        """Read the content of `cluster.json`."""
        inventory = document["inventory"]
        known = {
            "inventory": inventory and Inventory.model_validate(inventory),
            "capabilities": frozenset(map(Capability, document.get("capabilities", ()))),
            "addons": tuple(document.get("addons", ())),
        }
        return cls(**{**document, **known})


@dataclass(frozen=True)
class ClusterFolder:
    """The folder of one cluster."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the cluster."""
        return self.path.name

    @property
    def audit_log(self) -> Path:
        """The API server's audit log; rotated parts lie beside it."""
        return self.path / "audit" / "audit.log"

    def kubeconfig(self, identity: str) -> Path:
        """Return the kubeconfig of one identity."""
        return self.path / f"{identity}.kubeconfig"

    def log(self, component: str) -> Path:
        """Return the log of one component."""
        return self.path / "logs" / f"{component}.log"

    def record(self) -> Record | None:
        """Read what the cluster is to be; None when that was not written, or cannot be read."""
        document = _read_json(self.path / "cluster.json")
        try:
            return None if document is None else Record.from_json(document)
        except (KeyError, TypeError, ValueError):  # of another version, or edited by hand
            return None

    def write_record(self, record: Record) -> None:
        """Write what the cluster is to be."""
        _write_json(self.path / "cluster.json", record.to_json())

    def uid(self) -> str:
        """Return the identity of the finished cluster; empty while it is incomplete."""
        document = _read_json(self.path / "ready.json")
        return "" if document is None else str(document.get("uid", ""))

    def mark_ready(self, uid: str) -> None:
        """Write that creation has finished."""
        _write_json(self.path / "ready.json", {"uid": uid})

    def mark_incomplete(self) -> None:
        """Take the mark back; unlike a write this works on a full disk too."""
        (self.path / "ready.json").unlink(missing_ok=True)

    def write_files(self, files: dict[str, bytes]) -> None:
        """Write files that nobody else may read."""
        for name, content in files.items():
            path = self.path / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with open(path, "wb", opener=_open_private) as file:
                file.write(content)

    def take_from(self, other: ClusterFolder, server: str, former_server: str) -> None:
        """Copy what a cluster at rest consists of: data, credentials and audit log.

        Args:
            other: the cluster; nothing may run in it.
            server: address of the new API server, for the kubeconfigs.
            former_server: the address in their place so far.
        """
        for name in ("etcd", "pki", "audit"):
            shutil.copytree(other.path / name, self.path / name)
        for path in other.path.glob("addons/*.added"):
            self.write_files({f"addons/{path.name}": path.read_bytes()})
        for path in other.path.glob("*.kubeconfig"):
            text = path.read_text(encoding="utf-8").replace(former_server, server)
            self.write_files({path.name: text.encode()})

    def clear(self) -> None:
        """Remove everything inside; what the cluster was to be goes last, so `list` can say it."""
        record = self.path / "cluster.json"
        for child in self.path.iterdir():
            if child.is_dir() and not child.is_symlink():
                shutil.rmtree(child)
            elif child != record:
                child.unlink(missing_ok=True)
        record.unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder with everything inside."""
        self.clear()
        self.path.rmdir()

    @contextmanager
    def locked(self, *, made: bool = False) -> Iterator[None]:
        """Let one command at a time change the cluster, and make its folder when it is missing.

        The lock ends with its holder, however that ends.

        Args:
            made: the cluster must be there: a missing folder is not made.

        Raises:
            NotFound: `made`, and it went away meanwhile.
            ClusterError: another command held the lock for too long.
        """
        descriptor = self._lock(made=made)
        try:
            yield
        finally:
            os.close(descriptor)

    def _lock(self, *, made: bool) -> int:
        deadline = time.monotonic() + LOCK_SECONDS
        while time.monotonic() < deadline:
            if made and not self.path.is_dir():
                raise NotFound(f"there is no cluster {self.name!r}; `assay cluster list` shows all")
            # Not exist_ok: it fails when the holder removes the folder at that very moment.
            with suppress(FileExistsError):
                if not made:
                    self.path.mkdir(mode=0o700, parents=True)
            with suppress(FileNotFoundError):
                descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
                if _take(descriptor) and self._is(descriptor):
                    return descriptor
                os.close(descriptor)
            time.sleep(0.05)
        raise ClusterError(f"another command is still working on cluster {self.name}; try later")

    def _is(self, descriptor: int) -> bool:
        """Say whether the path still is the folder that was opened: its holder may remove it."""
        try:
            return os.path.samestat(os.fstat(descriptor), os.stat(self.path))
        except FileNotFoundError:
            return False


def require_finished(folder: ClusterFolder) -> tuple[Record, str]:
    """Return what a finished cluster is to be, and its uid.

    Raises:
        NotFound: there is none, or it is not finished.
    """
    record, uid = folder.record(), folder.uid()
    if record is None or not uid:
        raise NotFound(f"there is no finished cluster {folder.name!r}")
    return record, uid


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _read_json(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None
    return document if isinstance(document, dict) else None


def _write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a file whole or not at all, whatever is killed meanwhile."""
    unfinished = path.with_suffix(".unfinished")
    with open(unfinished, "w", encoding="utf-8", opener=_open_private) as file:
        json.dump(document, file)
    unfinished.replace(path)
