"""Held at once: as many clusters as a class needs, and whether every one still answers."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psutil

from benchmarks.clusters_stage import MIB, ask, installation, memory_mib
from benchmarks.grading_rows import Bound, Row, Target, row_of
from clusters.broker.memory import memory_now
from clusters.cli.output import err
from clusters.errors import ClusterError
from clusters.inventory import default_inventory
from clusters.spec import ClusterSpec
from graders.attempts import Attempts

WANTED = 60
"""On 24 GiB; on another machine as many in proportion."""
_OF = 24 << 30
SOON = 1.0
"""Seconds in which every cluster has to answer."""
SETTLE_SECONDS = 30.0
MAKE_SECONDS = 900.0
"""After so long no more are begun; sixty take five minutes on two cores that do nothing else."""
_AT_ONCE = 2


def measure(quick: bool = False, wanted: int = 0) -> list[Row]:
    """Make clusters until there are enough, no room is left or time is over, and ask each of them.

    Args:
        quick: three are enough, and nothing is waited for.
        wanted: so many are enough; 0 means as many as this machine ought to hold.
    """
    wanted = wanted or (3 if quick else ought_to_hold())
    with installation() as attempts:
        began = time.monotonic()
        made = make(attempts, wanted)
        took = time.monotonic() - began
        time.sleep(1.0 if quick else SETTLE_SECONDS)
        clusters = attempts.provider.list()
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            times = list(threads.map(answer_seconds, [c.kubeconfig for c in clusters]))
        memory = [memory_mib(cluster) for cluster in clusters]
        limit, left = attempts.broker.limit(clusters), memory_now().available / MIB
        soon = sum(1 for seconds in times if seconds <= SOON)
        note = f"{made} of {wanted} were made in {took:.0f} s; {left:,.0f} MiB are left"
        target = Target(float(wanted), Bound.AT_LEAST)
        return [
            Row(
                "held",
                f"clusters that answer within {SOON:.0f} s",
                "",
                float(soon),
                samples=made,
                target=target,
                note=note,
            ),
            row_of("held", "answer of a cluster, its connection included", "s", times),
            Row("held", "memory of a cluster (PSS), mean", "MiB", statistics.mean(memory)),
            Row("held", "clusters for which the broker would find room", "", float(limit)),
        ]


def ought_to_hold() -> int:
    """Return how many clusters a machine of this memory is to hold."""
    return max(1, round(WANTED * min(1.0, psutil.virtual_memory().total / _OF)))


def make(attempts: Attempts, wanted: int, seconds: float = MAKE_SECONDS) -> int:
    """Make clusters, two at a time, while the broker's rule finds room; return how many.

    Args:
        attempts: of the installation.
        wanted: how many are enough.
        seconds: after so long no more are begun.
    """
    deadline = time.monotonic() + seconds

    def one(number: int) -> bool:
        if time.monotonic() > deadline:
            return False
        clusters = attempts.provider.list()
        if len(clusters) >= attempts.broker.limit(clusters):
            return False
        try:
            attempts.provider.create(ClusterSpec(f"held-{number:03}", default_inventory()))
        except ClusterError as error:
            err.print(f"cluster {number}: {error}")
            return False
        return True

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        return sum(threads.map(one, range(wanted)))


def answer_seconds(kubeconfig: Path) -> float:
    """Return how long a cluster takes to answer a learner; for ever where it does not."""
    began = time.monotonic()
    try:
        ask(kubeconfig)
    except (httpx.HTTPError, OSError):
        return float("inf")
    return time.monotonic() - began
