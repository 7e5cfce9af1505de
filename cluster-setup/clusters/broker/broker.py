"""Broker: the front door to the clusters of one provider. Safe from several processes at once."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from clusters.broker.lease import Lease, moment, stamp
from clusters.broker.lease_book import LeaseBook
from clusters.broker.memory import memory_now, proportional
from clusters.broker.pool import Pool
from clusters.broker.pool_plan import PoolPlan, read_plans
from clusters.broker.priority import raise_again
from clusters.broker.room import limit_of, need_of, require_room
from clusters.broker.waiting import Place, WaitingRoom, expected_wait
from clusters.database import Sessions, migrate
from clusters.errors import ClusterError, NotFound
from clusters.file_lock import locked
from clusters.home import home
from clusters.phases import OnPhase, ignore, timed
from clusters.provider import Cluster, ClusterProvider
from clusters.spec import ClusterSpec

log = logging.getLogger("assay.broker")

_MIGRATIONS = Path(__file__).parent / "migrations"
_MEASURED = 3
"""How many clusters are measured to know what one more will need."""

Plans = Callable[[], Sequence[PoolPlan]]


class Broker:
    """Gives out clusters, for a time, from the pool or made anew."""

    def __init__(
        self, engine: Engine, provider: ClusterProvider, plans: Plans = read_plans
    ) -> None:
        """Keep leases in a database and clusters with a provider.

        Args:
            engine: the database; its tables are brought up to date.
            provider: who makes the clusters.
            plans: says how many are to wait ready; asked again and again.

        Raises:
            DatabaseError: the database cannot be reached or written.
        """
        migrate(engine, _MIGRATIONS)
        sessions = Sessions(engine)
        self.provider = provider
        self.plans = plans
        self.leases = LeaseBook(sessions)
        self.queue = WaitingRoom(sessions)
        self.pool = Pool(provider)

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Let one at a time ask for a cluster, in every process of this installation.

        What the caller records about the lease belongs inside too: outside of it, a lease whose
        owner nobody knows is one whose process was killed.
        """
        with locked(home() / "locks" / "capacity"):
            yield

    def reserve(self, spec: ClusterSpec, until: datetime, others: int = 0) -> Lease:
        """Set a cluster aside; the caller holds `admission`. Again for the same owner: the same.

        Args:
            spec: what is needed; `name` is taken where a cluster must be made anew.
            until: when the lease ends, unless it is extended.
            others: how many wait who came before; there must be room for them too.

        Raises:
            CapacityExhausted: there is no room now.
        """
        if held := self.leases.of(spec.owner):
            return held
        clusters, leased = self.provider.list(), {lease.cluster for lease in self.leases.all()}
        flavour = spec.flavour()
        ready = [c for c in self.pool.ready(clusters, flavour) if c.name not in leased]
        ready = ready[others:]
        if not ready:
            self._make_room(clusters, leased, others)
        lease = Lease(
            cluster=ready[0].name if ready else spec.name,
            owner=spec.owner,
            provider=self.provider.name,
            flavour=flavour,
            warm=bool(ready),
            reserved_at=stamp(datetime.now(UTC)),
            expires_at=stamp(until),
        )
        self.leases.add(lease)
        return lease

    def open(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Make the cluster of a lease what its owner needs; can be repeated when interrupted.

        Args:
            spec: what is needed; the lease of its owner says which cluster it will be.
            on_phase: who listens to progress.

        Raises:
            NotFound: its owner has no lease.
            ClusterError: the platform could not; the lease is still there.
        """
        lease = self.leases.of(spec.owner)
        if lease is None:
            raise NotFound(f"no cluster is set aside for {spec.owner}")
        spec = replace(spec, name=lease.cluster)
        cluster = self._dressed(spec, on_phase) if lease.warm else None
        cluster = cluster or self.provider.create(spec, on_phase)
        self.leases.change(lease.owner, opened_at=stamp(datetime.now(UTC)))
        return cluster

    def lease(self, spec: ClusterSpec, until: datetime, on_phase: OnPhase = ignore) -> Cluster:
        """Set a cluster aside and open it, for somebody who records nothing beside the lease.

        Raises:
            CapacityExhausted: there is no room now.
            ClusterError: the platform could not; no lease is left.
        """
        with self.admission():
            self.reserve(spec, until)
        try:
            return self.open(spec, on_phase)
        except BaseException:
            self.release(spec.owner)
            raise

    def release(self, owner: str, cluster: str = "") -> None:
        """Delete the cluster of an owner and end their lease; none is no error.

        Args:
            owner: who had it.
            cluster: name of a cluster of theirs that may be there without a lease.
        """
        lease = self.leases.of(owner)
        for name in {cluster, lease.cluster if lease else ""} - {""}:
            self.provider.delete(name)
        if lease:
            self.leases.end(lease)

    def extend(self, owner: str, until: datetime) -> Lease | None:
        """Let a lease end later; None where this owner has none.

        One that ends later already stays as it is.
        """
        lease = self.leases.of(owner)
        if lease is None or moment(lease.expires_at) >= until:
            return lease
        return self.leases.change(owner, expires_at=stamp(until), extensions=lease.extensions + 1)

    def pause(self, owner: str) -> bool:
        """Freeze the cluster of somebody who went away; return whether it is frozen.

        Only an open lease can be paused, and only where the provider can freeze.
        """
        lease = self.leases.of(owner)
        if lease is None or not lease.opened_at or not self.provider.freezer:
            return False
        self.leases.change(owner, paused_at=stamp(datetime.now(UTC)))  # first: it is thawed by this
        self.freeze(lease.cluster)
        return True

    def resume(self, owner: str) -> None:
        """Let the cluster of a lease run on where it was; one that is not paused does anyway."""
        lease = self.leases.of(owner)
        if lease is not None and lease.paused_at:
            self.thaw(lease.cluster)
            self.leases.change(owner, paused_at="")

    def is_paused(self, owner: str) -> bool:
        """Whether an owner's cluster is frozen until they come back."""
        lease = self.leases.of(owner)
        return lease is not None and bool(lease.paused_at)

    def wait(self, seat: str) -> Place:
        """Take a seat in the queue, or say that one still waits; return where one stands."""
        position = self.queue.wait(seat)
        now = datetime.now(UTC)
        seconds = expected_wait(position, self.leases.all(), self.leases.held_seconds(), now)
        return Place(position, seconds)

    def leave(self, seat: str) -> None:
        """Give up a seat in the queue; one that is not taken is no error."""
        self.queue.leave(seat)

    def limit(self, clusters: Sequence[Cluster]) -> int:
        """Return how many clusters this installation can hold beside what else runs here."""
        some = [cluster for cluster in clusters if cluster.components][:_MEASURED]
        sizes = [proportional(c.pid for c in found.components if c.pid) for found in some]
        return limit_of(clusters, need_of(sizes), memory_now())

    def _make_room(self, clusters: Sequence[Cluster], leased: set[str], others: int) -> None:
        """Delete what waits in the pool where somebody needs its room now."""
        names = {cluster.name for cluster in clusters}
        idle = [c for c in self.pool.ready(clusters) if c.name not in leased]
        promised, limit = len(names | leased) + others, self.limit(clusters)
        while idle and promised >= limit:
            self.pool.remove(idle.pop())
            promised -= 1
        require_room(promised, limit)

    def _dressed(self, spec: ClusterSpec, on_phase: OnPhase) -> Cluster | None:
        """Dress a member of the pool; None where that cannot be done: it is made anew then."""
        dresser = self.provider.dresser
        if dresser is None:
            return None
        try:
            with timed(on_phase, "pool", "Taking a cluster that waits ready", 20):
                self.thaw(spec.name)
            raise_again(self.provider.status(spec.name))
            return dresser.dress(spec, on_phase)
        except (ClusterError, NotFound) as error:
            log.warning("cluster %s of the pool is made anew: %s", spec.name, error)
            self.provider.delete(spec.name)
            return None

    def freeze(self, cluster: str) -> None:
        """Freeze a cluster, where the provider can."""
        if self.provider.freezer:
            self.provider.freezer.freeze(cluster)

    def thaw(self, cluster: str) -> None:
        """Let a cluster run on, where the provider can freeze."""
        if self.provider.freezer:
            self.provider.freezer.thaw(cluster)
