"""Room: what all Pods of a cluster share: the host's programs, addresses, and how many may run."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clusters.podrunner.addresses import free_address
from clusters.podrunner.api import Api
from clusters.podrunner.cluster_view import ClusterView
from clusters.podrunner.images import Image, Images
from clusters.podrunner.state import PodFolder

MOST_CONTAINERS = 60
"""Containers of one cluster that run at once: one learner must not take the whole host."""
_THREADS = 24
_FIRST_UID, _UIDS = 1_000_000_000, 1_000_000_000
"""Accounts for Pods; far beyond those of people, and of the ranges of container engines."""


@dataclass
class Room:
    """What all Pods share."""

    folder: Path
    """The cluster's folder."""
    api: Api
    view: ClusterView
    images: Images
    nodes: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Nodes by name, as the API server has them."""
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(_THREADS))
    _addresses: dict[str, str] = field(default_factory=dict)
    _running: dict[tuple[str, str], Image | None] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def pods(self) -> Path:
        """Where the folders of Pods lie."""
        return self.folder / "pods"

    def folder_of(self, uid: str) -> PodFolder:
        """Return the folder of one Pod."""
        return PodFolder(self.pods / uid)

    def account_of(self, uid: str) -> int | None:
        """Return the account that a Pod's processes run as; None where only one is to be had.

        Root of a user namespace has one account of the host, its own.
        """
        if os.geteuid() != 0 or not _is_root_of_host():
            return None
        digest = hashlib.sha256(f"{self.folder}/{uid}".encode()).digest()
        return _FIRST_UID + int.from_bytes(digest[:8], "big") % _UIDS

    def address_for(self, uid: str, node: str, known: str = "") -> str:
        """Return the address of a Pod, and keep it for the Pod.

        Args:
            uid: the Pod's uid.
            node: the node it is bound to.
            known: the address that it has had.

        Raises:
            NoAddress: the node has none left.
        """
        with self._lock:
            others = {a for owner, a in self._addresses.items() if owner != uid}
            if uid not in self._addresses:
                cidr = self.nodes.get(node, {}).get("spec", {}).get("podCIDR", "")
                keeps = known and known not in others
                self._addresses[uid] = known if keeps else free_address(cidr, others)
            return self._addresses[uid]

    def give_back(self, uid: str) -> None:
        """Let others have the address of a Pod that is gone."""
        with self._lock:
            self._addresses.pop(uid, None)

    def enter(self, uid: str, container: str, image: Image | None) -> bool:
        """Note that a container runs; return False where too many do, of all or of its image."""
        with self._lock:
            alike = sum(other == image for other in self._running.values())
            if len(self._running) >= MOST_CONTAINERS:
                return False
            if image is not None and image.most and alike >= image.most:
                return False
            self._running[uid, container] = image
            return True

    def leave(self, uid: str, container: str) -> None:
        """Note that a container does not run any more."""
        with self._lock:
            self._running.pop((uid, container), None)

    def node_address(self, node: str) -> str:
        """Return the address of a node; empty where it has none."""
        told = self.nodes.get(node, {}).get("status", {}).get("addresses") or ()
        return next((str(a["address"]) for a in told if a["type"] == "InternalIP"), "")


def _is_root_of_host() -> bool:
    """Say whether more accounts than one are to be had."""
    inside, outside, count = Path("/proc/self/uid_map").read_text().split()[:3]
    return inside == outside == "0" and int(count) > _FIRST_UID + _UIDS
