"""Overview: what an operator sees: who has which cluster, what waits ready, who waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from clusters.broker.broker import Broker
from clusters.broker.lease import Lease
from clusters.broker.memory import Memory, memory_now
from clusters.broker.pool import Shelf
from clusters.broker.reconciliation import shelves
from clusters.broker.waiting import expected_wait
from clusters.errors import InputInvalid
from clusters.provider import Cluster


@dataclass(frozen=True)
class Overview:
    """The clusters of an installation at one moment."""

    clusters: Sequence[Cluster]
    leases: Sequence[Lease]
    pool: Sequence[Shelf]
    waiting: Sequence[str]
    """Seats in the queue, the next one first."""
    wait_seconds: float | None
    """What somebody may expect who comes now and finds no room; None where nothing is known."""
    limit: int
    """Clusters that fit here."""
    memory: Memory
    problem: str = ""
    """What is wrong with `pool.yaml`."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; no credential is among them."""
        return {
            "clusters": [cluster.to_json() for cluster in self.clusters],
            "leases": [lease.to_json() for lease in self.leases],
            "pool": [asdict(shelf) for shelf in self.pool],
            "waiting": list(self.waiting),
            "wait_seconds": self.wait_seconds,
            "limit": self.limit,
            "memory": asdict(self.memory),
            "problem": self.problem,
        }

    def lease_of(self, cluster: Cluster) -> Lease | None:
        """Return the lease of a cluster."""
        return next((lease for lease in self.leases if lease.cluster == cluster.name), None)


def overview(broker: Broker) -> Overview:
    """Look at everything once."""
    clusters, leases, waiting = broker.provider.list(), broker.leases.all(), broker.queue.seats()
    pool, problem = list[Shelf](), ""
    try:
        pool = shelves(broker)
    except InputInvalid as error:
        problem = str(error)
    now = datetime.now(UTC)
    return Overview(
        clusters=clusters,
        leases=leases,
        pool=pool,
        waiting=waiting,
        wait_seconds=expected_wait(len(waiting) + 1, leases, broker.leases.held_seconds(), now),
        limit=broker.limit(clusters),
        memory=memory_now(),
        problem=problem,
    )
