"""Whether everybody tells the same story: provider, ledger, leases, processes, ports, folders."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Set
from pathlib import Path

import psutil

from benchmarks.chaos_world import World
from clusters.broker import Lease
from clusters.broker.pool import OWNER as POOL
from clusters.provider import Cluster, ClusterState
from graders.attempts.rules import owner_of
from graders.ledger import LIVE_STATES, Attempt, AttemptState

_CLUSTER_MARK = "ASSAY_CLUSTER"
_ATTEMPT = "attempt:"


def disagreements(world: World) -> list[str]:
    """Return where two of them differ, a sentence each; none means that nothing leaked."""
    clusters = {cluster.name: cluster for cluster in world.clusters()}
    attempts = {attempt.cluster: attempt for attempt in world.ledger.attempts(states=LIVE_STATES)}
    leases = {lease.cluster: lease for lease in world.leases.all()}
    resting = {name for name, lease in leases.items() if lease.paused_at}
    return [
        *_about_clusters(world, clusters, attempts),
        *_about_attempts(clusters, attempts, resting),
        *_about_leases(leases, clusters, attempts),
        *_about_pool(clusters.values()),
        *(
            f"folder {name}: nobody lists such a cluster"
            for name in _folders(world) - set(clusters)
        ),
        *_about_processes(world, clusters),
        *(f"container {name}: nobody lists it" for name in _containers(world) - set(clusters)),
        *world.ledger.verify(),
    ]


def _about_clusters(
    world: World, clusters: Mapping[str, Cluster], attempts: Mapping[str, Attempt]
) -> Iterator[str]:
    for name, cluster in clusters.items():
        if cluster.owner.startswith(_ATTEMPT) and name not in attempts:
            yield f"cluster {name}: its attempt is over"
        elif not cluster.owner and name not in world.wanted | world.unsure:
            yield f"cluster {name}: nobody asked for it"
    for name in world.wanted - set(clusters):
        yield f"cluster {name}: was made and not deleted, and is gone"


def _about_attempts(
    clusters: Mapping[str, Cluster], attempts: Mapping[str, Attempt], resting: Set[str]
) -> Iterator[str]:
    for name, attempt in attempts.items():
        if attempt.state is AttemptState.STARTING:
            yield f"attempt {attempt.id}: is starting, and nobody starts it"
        elif name not in clusters:
            yield f"attempt {attempt.id}: is open and has no cluster"
        elif clusters[name].state is not ClusterState.READY and name not in resting:
            yield f"attempt {attempt.id}: is open and its cluster is {clusters[name].state}"


def _about_leases(
    leases: Mapping[str, Lease], clusters: Mapping[str, Cluster], attempts: Mapping[str, Attempt]
) -> Iterator[str]:
    for name, lease in leases.items():
        if name not in attempts:
            yield f"lease of {name}: its attempt is over"
        elif lease.owner != owner_of(attempts[name]):
            yield f"lease of {name}: it is {lease.owner}'s, and the attempt is {attempts[name].id}"
        elif name in clusters and clusters[name].frozen is not bool(lease.paused_at):
            yield f"lease of {name}: it is {lease.state}, and frozen is {clusters[name].frozen}"
    for name in clusters.keys() & attempts.keys() - leases.keys():
        yield f"attempt {attempts[name].id}: has a cluster and no lease"


def _about_pool(clusters: Iterable[Cluster]) -> Iterator[str]:
    for member in clusters:
        if member.owner.startswith(POOL) and member.state is not ClusterState.READY:
            yield f"cluster {member.name}: waits in the pool and is {member.state}"


def _folders(world: World) -> set[str]:
    return {path.name for root in _roots(world) for path in root.glob("*") if path.is_dir()}


def _about_processes(world: World, clusters: Mapping[str, Cluster]) -> Iterator[str]:
    for process in psutil.process_iter():
        try:
            folder = Path(process.environ().get(_CLUSTER_MARK, "/"))
            if folder.parent in _roots(world) and process.status() != psutil.STATUS_ZOMBIE:
                name = folder.name
                if name not in clusters:
                    ports = [c.laddr.port for c in process.net_connections() if not c.raddr]
                    yield f"process {process.pid} of {name}, ports {ports}: nobody lists it"
        except psutil.Error:
            continue


def _containers(world: World) -> set[str]:
    """Return the clusters of this installation that have containers: these mount its folders."""
    if shutil.which("docker") is None:
        return set()
    words = ["docker", "ps", "--all", "--no-trunc", "--format", "{{.Mounts}}"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    mounts = [Path(mount) for mount in done.stdout.replace(",", "\n").split()]
    return {
        mount.relative_to(root).parts[0]
        for mount in mounts
        for root in _roots(world)
        if mount.is_relative_to(root) and mount != root
    }


def _roots(world: World) -> list[Path]:
    """Return the folders in which providers keep the folders of clusters."""
    return [world.home / name for name in ("clusters", "kind")]
