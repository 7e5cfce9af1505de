"""A fleet of ten: leases from a frozen pool, what each takes, resets, and what freezing costs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.cluster_start import client_of, pod
from benchmarks.clusters_freezing import freezing_rows
from benchmarks.clusters_stage import (
    LAB,
    ask,
    cpu_seconds,
    fill_pool,
    installation,
    memory_mib,
)
from benchmarks.grading_rows import Judged, Row, Target, row_of
from clusters.provider import Cluster
from graders.attempts import Attempts
from graders.ledger import Attempt

FLEET = 10
LEASE_TARGET = Target(0.3, judged=Judged.P95)
MEMORY_TARGET = Target(300.0)
IDLE_TARGET = Target(1.0)
RESET_TARGET = Target(2.0, judged=Judged.P95)
SETTLE_SECONDS = 60.0
"""Until what was started has done its work."""
IDLE_SECONDS = 30.0
RESETS = 10
_SPACE = "/api/v1/namespaces/bench"
_PODS = "/api/v1/namespaces/default/pods"


def measure(quick: bool = False) -> list[Row]:
    """Lease a fleet from the pool, let it rest, measure it, and take one of it back."""
    with installation() as attempts:
        size = 2 if quick else FLEET
        fill_pool(attempts, size)
        leases = [lease(attempts, f"learner-{number}") for number in range(size)]
        rows = [
            row_of(
                "fleet",
                "lease from the frozen pool, to objects read",
                "s",
                [one.seconds for one in leases],
                LEASE_TARGET,
            ),
            row_of(
                "fleet",
                "processor time of a lease, whoever takes it",
                "s",
                [one.processor for one in leases],
            ),
        ]
        rows += at_rest(attempts, quick)
        rows += resets(attempts, leases[0].attempt, 2 if quick else RESETS)
        one = attempts.provider.status(leases[-1].attempt.cluster)
        return rows + freezing_rows(attempts, one, quick)


class Lease(NamedTuple):
    """One lab that was started."""

    attempt: Attempt
    seconds: float
    processor: float
    """Seconds of processor time: of this process, and of the cluster's own."""


def lease(attempts: Attempts, learner: str) -> Lease:
    """Start a lab, and read what it made with the learner's kubeconfig."""
    clusters = {cluster.name: cluster for cluster in attempts.provider.list()}
    spent = {name: cpu_seconds(cluster) for name, cluster in clusters.items()}
    own, began = time.process_time(), time.monotonic()
    attempt = attempts.start(learner, LAB)
    ask(attempts.kubeconfig(attempt), _SPACE)
    took = time.monotonic() - began
    cluster = attempts.provider.status(attempt.cluster)
    processor = time.process_time() - own + cpu_seconds(cluster) - spent[cluster.name]
    return Lease(attempt, took, processor)


def at_rest(attempts: Attempts, quick: bool) -> list[Row]:
    """Return what the clusters take that nobody works with, running and frozen."""
    settle, seconds = (1.0, 2.0) if quick else (SETTLE_SECONDS, IDLE_SECONDS)
    time.sleep(settle)
    clusters = attempts.provider.list()
    memory = [memory_mib(cluster) for cluster in clusters]
    idle = _shares(attempts, seconds)
    for cluster in clusters:
        attempts.broker.freeze(cluster.name)
    frozen = _shares(attempts, seconds / 3)
    for cluster in clusters:
        attempts.broker.thaw(cluster.name)
    number = f"{len(clusters)} clusters, two nodes of eight devices each"
    return [
        Row(
            "fleet",
            "memory of a cluster (PSS), mean",
            "MiB",
            statistics.mean(memory),
            samples=len(memory),
            target=MEMORY_TARGET,
            note=number,
        ),
        row_of("fleet", "memory of a cluster (PSS)", "MiB", memory),
        Row(
            "fleet",
            "processor of an idle cluster, mean",
            "% of a core",
            statistics.mean(idle),
            samples=len(idle),
            target=IDLE_TARGET,
        ),
        Row(
            "fleet",
            "processor of a frozen cluster, the most",
            "% of a core",
            max(frozen),
            samples=len(frozen),
            target=Target(0.0),
        ),
    ]


def resets(attempts: Attempts, attempt: Attempt, times: int) -> list[Row]:
    """Return how long it takes to take a cluster back, and until a new Pod runs in it."""
    back, works = [], []
    for number in range(times):
        began = time.monotonic()
        attempts.reset(attempt.id)
        ask(attempts.kubeconfig(attempt), _SPACE)
        back.append(time.monotonic() - began)
        _run_a_pod(attempts, attempt, f"pod-{number}")
        works.append(time.monotonic() - began)
    return [
        row_of("fleet", "reset of a lab, to objects read", "s", back, RESET_TARGET),
        row_of("fleet", "the same, until a new Pod runs", "s", works),
    ]


def _shares(attempts: Attempts, seconds: float) -> Sequence[float]:
    """Return the percentage of a core that each cluster takes in so many seconds."""
    clusters: Sequence[Cluster] = attempts.provider.list()
    before, began = [cpu_seconds(cluster) for cluster in clusters], time.monotonic()
    time.sleep(seconds)
    after, took = [cpu_seconds(cluster) for cluster in clusters], time.monotonic() - began
    return [100 * (b - a) / took for a, b in zip(before, after, strict=True)]


def _run_a_pod(attempts: Attempts, attempt: Attempt, name: str) -> None:
    with client_of(attempts.kubeconfig(attempt)) as client:
        client.post(_PODS, json=pod(name, claim=False)).raise_for_status()
        deadline = time.monotonic() + 60
        while client.get(f"{_PODS}/{name}").json()["status"]["phase"] != "Running":
            if time.monotonic() > deadline:
                raise TimeoutError("a Pod does not run after a reset")
            time.sleep(0.02)
