"""ClusterProvider: who makes and deletes clusters, and what a running Cluster is."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clusters.capability import Capability
from clusters.errors import ClusterError, NotFound
from clusters.phases import OnPhase, ignore
from clusters.spec import ClusterSpec

if TYPE_CHECKING:
    from clusters.dressing import Dresser
    from clusters.freezing import Freezer
    from clusters.snapshots import Snapshots

ENTRY_POINTS = "assay.cluster_providers"
DEFAULT_PROVIDER = "embedded"


class ClusterState(StrEnum):
    """What the running system says about a cluster."""

    READY = "ready"
    """Every component runs and creation had finished."""
    DEGRADED = "degraded"
    """A component died; `create` with the same spec starts it again."""
    INCOMPLETE = "incomplete"
    """Creation or deletion was interrupted; delete it, or create it again."""


@dataclass(frozen=True)
class Component:
    """One process of a cluster."""

    name: str
    """For example `kube-apiserver`."""
    pid: int | None
    """Process id; None when it does not run."""
    memory: int = 0
    """Resident memory in bytes, 0 when it does not run."""
    detail: str = ""
    """Why it does not run, as far as it is known (the end of its log)."""


@dataclass(frozen=True)
class Cluster:
    """A cluster as found on the running system."""

    name: str
    provider: str
    state: ClusterState
    kubernetes: str
    """Version of the API server, for example `v1.37.2`."""
    capabilities: frozenset[Capability]
    kubeconfig: Path
    """The learner's credential: cluster-admin."""
    grader_kubeconfig: Path
    """The grader's own credential. Never leaves the proctor's side and is never printed."""
    platform_kubeconfig: Path
    """The credential of the platform's own set-up (nodes, a lab's manifests). As secret."""
    audit_log: Path
    """The API server's audit log (JSON lines), outside the cluster; rotated parts lie beside it."""
    owner: str = ""
    uid: str = ""
    """uid of the namespace kube-system: the identity of the cluster. Empty while incomplete."""
    created_at: str = ""
    """RFC 3339, UTC."""
    dressed: bool = True
    """Whether it has the nodes and devices of an inventory; False of one that waits in a pool."""
    frozen: bool = False
    """Whether its processes are held still, all or some of them; it answers nobody then."""
    addons: tuple[str, ...] = ()
    """What runs in it beside Kubernetes, with what that needs."""
    components: tuple[Component, ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """Return the public description; it holds no grader credential."""
        return {
            "name": self.name,
            "provider": self.provider,
            "state": self.state.value,
            "kubernetes": self.kubernetes,
            "capabilities": sorted(capability.value for capability in self.capabilities),
            "kubeconfig": str(self.kubeconfig),
            "owner": self.owner,
            "uid": self.uid,
            "created_at": self.created_at,
            "dressed": self.dressed,
            "frozen": self.frozen,
            "addons": list(self.addons),
            "components": [
                {"name": c.name, "pid": c.pid, "memory": c.memory, "detail": c.detail}
                for c in self.components
            ],
        }


class ClusterProvider(ABC):
    """Makes and deletes clusters. Methods are plain, blocking, and safe from several processes.

    Differences between providers are data (`name`, `capabilities`), never `if provider == ...`.
    The running system is the only source of truth: nothing is remembered between calls.
    """

    name: str
    """Name of the entry point."""
    capabilities: frozenset[Capability]
    """What its clusters offer on this host."""
    dresser: Dresser | None = None
    """Splits creation in two for the warm pool; None where a cluster is made in one piece."""
    freezer: Freezer | None = None
    """Holds clusters still; None where they cannot be."""
    snapshots: Snapshots | None = None
    """Takes clusters back to what they were; None where they cannot be."""
    copies: bool = False
    """Whether `copy` makes a copy of a cluster; where it does not, make the cluster again."""

    @abstractmethod
    def preflight(self) -> Sequence[str]:
        """Return what this host lacks, a sentence each that says how to get it; [] when ready."""

    @abstractmethod
    def create(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Make the cluster, or finish or repair one of this name; leave nothing on failure.

        Returns when a Pod can be created in the namespace `default`.

        Raises:
            PreflightError: this host lacks something.
            NotReadyError: a component died or was not ready in time.
            ClusterError: anything else the platform could not do (a full disk, for example).
        """

    def copy(self, name: str, spec: ClusterSpec) -> Cluster:
        """Make a cluster that holds what another one holds: the same objects with the same uids.

        The other one is stopped for it; `create` starts it again. Whoever has a credential of one
        has one of the other, so both must be the same person's.

        Args:
            name: the cluster that is copied.
            spec: the new one; its inventory and version must be those of the other.

        Raises:
            NotFound: there is no such cluster, or it is not finished.
            InputInvalid: the spec is another's, or the new name is taken.
            ClusterError: the platform could not do it, or this provider cannot.
        """
        raise ClusterError(f"provider {self.name} cannot copy clusters")

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove the cluster with its processes, ports and files; a missing one is no error."""

    @abstractmethod
    def list(self) -> Sequence[Cluster]:
        """Discover the clusters from the running system, also those half made or half deleted."""

    @abstractmethod
    def status(self, name: str) -> Cluster:
        """Look at one cluster.

        Raises:
            NotFound: there is none of this name.
        """

    @abstractmethod
    def collect_logs(self, name: str, to: Path) -> Sequence[Path]:
        """Copy the logs of every component into the folder `to` and return the files.

        Raises:
            NotFound: there is none of this name.
        """


def state_of(finished: bool, components: Sequence[Component]) -> ClusterState:
    """Return the state of a cluster whose creation had finished or not, with these components."""
    if not finished:
        return ClusterState.INCOMPLETE
    if all(component.pid for component in components):
        return ClusterState.READY
    return ClusterState.DEGRADED


def provider_named(name: str = "") -> ClusterProvider:
    """Return the provider registered under `name`.

    Args:
        name: empty means what `ASSAY_PROVIDER` says, else the default.

    Raises:
        NotFound: no installed package registers it.
    """
    name = name or os.environ.get("ASSAY_PROVIDER") or DEFAULT_PROVIDER
    found = {point.name: point for point in entry_points(group=ENTRY_POINTS)}
    if name not in found:
        known = ", ".join(sorted(found)) or "none"
        raise NotFound(f"there is no cluster provider {name!r}; installed: {known}")
    provider: ClusterProvider = found[name].load()()
    return provider


def every_provider() -> list[ClusterProvider]:
    """Return all providers that are installed, by name."""
    names = sorted(point.name for point in entry_points(group=ENTRY_POINTS))
    return [provider_named(name) for name in names]
