"""Clusters of labs when the platform stops: rested, kept or deleted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

import psutil

from clusters.broker.pool import Pool
from clusters.provider import Cluster, ClusterProvider, Component
from hub.processes import end

_ATTEMPT_OWNER = "attempt:"
_PATIENCE = 2.0
"""Seconds to end by themselves; only the store has something to lose, and it is quick."""


class ClusterFate(StrEnum):
    """What becomes of the labs' clusters when the platform stops."""

    STOP = "stop"
    """Their processes end, their contents stay; the next `assay up` starts them again."""
    KEEP = "keep"
    """They go on running."""
    DELETE = "delete"
    """They are removed with everything in them; the verdicts stay in the ledger."""


def lab_clusters(provider: ClusterProvider) -> list[Cluster]:
    """Return the clusters that belong to attempts; those that people made stay theirs."""
    return [c for c in provider.list() if c.owner.startswith(_ATTEMPT_OWNER)]


def settle_clusters(provider: ClusterProvider, fate: ClusterFate) -> int:
    """Do to every lab's cluster what `fate` says; return how many there were.

    What waits in the pool is nobody's, and goes unless everything is kept.
    """
    clusters = lab_clusters(provider)
    if fate is not ClusterFate.KEEP:
        for member in Pool(provider).members(provider.list()):
            provider.delete(member.name)
    if fate is ClusterFate.DELETE:
        for cluster in clusters:
            provider.delete(cluster.name)
    if fate is ClusterFate.STOP:
        rest(clusters)
    return len(clusters)


def rest(clusters: Sequence[Cluster]) -> None:
    """End the processes of clusters, the store of each after those that write to it.

    Components are listed in the order in which they start, the store first.
    """
    end(_processes(c for cluster in clusters for c in cluster.components[1:]), _PATIENCE)
    end(_processes(c for cluster in clusters for c in cluster.components[:1]), _PATIENCE)


def _processes(components: Iterable[Component]) -> list[psutil.Process]:
    found = []
    for component in components:
        if component.pid is not None and psutil.pid_exists(component.pid):
            found.append(psutil.Process(component.pid))
    return found
