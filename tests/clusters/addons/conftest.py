"""Clusters with add-ons, and what a curious neighbour sees of them."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from clusters.addons import with_needs
from clusters.addons.sources import missing_sources
from clusters.binaries import binaries_present
from clusters.inventory import parse_inventory
from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from clusters.providers.embedded.addons import binaries_of
from clusters.providers.embedded.namespaces import walls_of, why_no_walls
from clusters.spec import ClusterSpec
from tests.clusters.embedded.conftest import client_of, learner, wait_until

__all__ = ["client_of", "learner", "wait_until"]
GPUS = {
    "model": "Wren",
    "count": 4,
    "memory": "40Gi",
    "driverVersion": "550.54.15",
}
ONE_NODE = parse_inventory({"nodes": [{"name": "only", "devices": [GPUS]}]}, "test")
MakeCluster = Callable[..., Cluster]


def skip_unless_cached(*addons: str) -> None:
    """Skip a test whose programs nobody brought to the cache: they take minutes to build."""
    if reason := why_no_walls():
        pytest.skip(f"no network namespaces: {reason}")
    chosen = with_needs(addons)
    if lacking := binaries_present(binaries_of(chosen)):
        pytest.skip(f"not in the cache: `assay binaries fetch {' '.join(lacking)}`")
    if lacking := [package for addon in chosen for package in missing_sources(addon)]:
        pytest.skip(f"not in the cache: {', '.join(lacking)}; `assay cluster create --addon` does")


@contextmanager
def cluster_with(provider: EmbeddedProvider, *addons: str) -> Iterator[Cluster]:
    skip_unless_cached(*addons)
    name = f"test-{secrets.token_hex(3)}"
    try:
        yield provider.create(ClusterSpec(name, ONE_NODE, addons=addons))
    finally:
        provider.delete(name)


def spec_of(cluster: Cluster, *addons: str) -> ClusterSpec:
    return ClusterSpec(cluster.name, ONE_NODE, addons=addons)


def pid_of(cluster: Cluster, component: str) -> int:
    return next(c.pid for c in cluster.components if c.name == component and c.pid)


def run_inside(cluster: Cluster, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command inside the walls of a cluster."""
    with walls_of([psutil.Process(pid_of(cluster, "door"))]) as walls:
        assert walls is not None
        return subprocess.run(
            [*walls.entering, *command],
            pass_fds=walls.descriptors,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )


def apply(client: httpx.Client, *objects: tuple[str, Mapping[str, object]]) -> None:
    """Create objects, each given with its collection."""
    for collection, manifest in objects:
        answer = client.post(collection, json=manifest)
        assert answer.is_success, answer.text


def processes_below(folder: Path) -> Sequence[psutil.Process]:
    """Return the processes that belong to a cluster by their mark."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ASSAY_CLUSTER") == str(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found
