"""The stage of the clusters' figures: an installation of its own, without a platform around it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.cluster_start import client_of
from benchmarks.grading_platform import LABS
from clusters.broker.memory import proportional
from clusters.broker.pool_plan import PoolPlan
from clusters.broker.reconciliation import refill
from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from graders.attempts import Attempts
from graders.ledger import open_ledger

LAB = "bench-six"
MIB = 1 << 20


@contextmanager
def installation() -> Iterator[Attempts]:
    """Make an installation; nothing of it is left afterwards."""
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    ours = {"ASSAY_HOME": str(home), "ASSAY_LABS": str(LABS)}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    ledger = open_ledger(f"sqlite:///{home}/assay.db")
    provider = EmbeddedProvider()
    try:
        yield Attempts(ledger, provider, list)
    finally:
        for cluster in provider.list():
            provider.delete(cluster.name)
        ledger.close()
        _set(before)
        shutil.rmtree(home, ignore_errors=True)


def fill_pool(attempts: Attempts, size: int) -> None:
    """Make clusters that wait ready, all of them frozen as the reconciler would."""
    pool = attempts.broker.pool
    attempts.broker.plans = lambda: [PoolPlan(min=size, max=size)]
    while refill(attempts.broker):
        pass
    attempts.broker.plans = list
    waiting = pool.members(attempts.provider.list())
    if len(waiting) < size:
        raise RuntimeError(f"there is room for {len(waiting)} clusters only, not for {size}")
    for member in waiting:
        while not pool.is_idle(member):  # its controllers still work
            time.sleep(0.2)
        attempts.broker.freeze(member.name)


def ask(kubeconfig: Path, path: str = "/api/v1/nodes") -> httpx.Response:
    """Ask a cluster something as its learner, by a connection of its own."""
    with client_of(kubeconfig) as client:
        return client.get(path).raise_for_status()


def processes_of(cluster: Cluster) -> list[psutil.Process]:
    """Return the processes of a cluster."""
    return [psutil.Process(component.pid) for component in cluster.components if component.pid]


def cpu_seconds(cluster: Cluster) -> float:
    """Return the processor time that a cluster has taken so far."""
    times = [process.cpu_times() for process in processes_of(cluster)]
    return float(sum(time.user + time.system for time in times))


def memory_mib(cluster: Cluster) -> float:
    """Return the proportional memory of a cluster: shared pages divided among those who share."""
    return proportional(c.pid for c in cluster.components if c.pid) / MIB


def _set(environment: Mapping[str, str | None]) -> None:
    for name, value in environment.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
