"""Reconciliation: what is becomes what should be, for leases and pool.

Its truth is the provider's own list. Each step yields what it did, a sentence each; one that fails
says so and does not stop the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from clusters.broker.broker import Broker
from clusters.broker.lease import Lease, moment, stamp
from clusters.broker.pool import OWNER, Shelf
from clusters.broker.pool_plan import PoolPlan
from clusters.broker.room import CapacityExhausted, require_room
from clusters.errors import AssayError
from clusters.file_lock import locked_if_free
from clusters.home import home
from clusters.provider import Cluster, ClusterState

Needs = Callable[[str], bool | None]
"""Whether an owner still needs their cluster; None of one that is not known: time decides."""
LATELY = timedelta(minutes=10)
"""What was asked for in this time may be asked for again."""
SPARE = 1
"""Clusters for which there must still be room after the pool was filled."""


def reconcile(broker: Broker, needs: Needs) -> Iterator[str]:
    """End leases that are over, and put the pool right; quick enough for every few seconds."""
    yield from _end_leases(broker, needs)
    yield from _clear_pool(broker)
    yield from _freeze_idle(broker)


def shelves(broker: Broker, now: datetime | None = None) -> list[Shelf]:
    """Return what the pool is to have and what it has.

    Raises:
        InputInvalid: `pool.yaml` has problems.
    """
    now = now or datetime.now().astimezone()
    clusters, leases = broker.provider.list(), broker.leases.all()
    leased = {lease.cluster for lease in leases}
    found = []
    for plan in _plans(broker):
        flavour = plan.flavour()
        members = [c for c in broker.pool.members(clusters, flavour) if c.name not in leased]
        ready = len(broker.pool.ready(members))
        wanted = plan.wanted(now, _asked_for(leases, flavour, now))
        found.append(Shelf(flavour, wanted, ready, len(members) - ready))
    return found


def refill(broker: Broker) -> str:
    """Make one cluster that the pool lacks; return what was done, nothing where it is full.

    One process at a time refills; it stops where somebody waits for room, or would have to.

    Raises:
        ClusterError: the platform could not.
        InputInvalid: `pool.yaml` has problems.
    """
    if broker.provider.dresser is None:
        return ""
    with locked_if_free(home() / "locks" / "refill") as held:
        plan = _lacking(broker) if held else None
        if plan is None or broker.queue.seats() or not _has_room(broker):
            return ""
        made = broker.pool.make(plan)
    return f"cluster {made.name}: made for the pool"


def _end_leases(broker: Broker, needs: Needs) -> Iterator[str]:
    with broker.admission():  # whoever reserves records its owner before it lets go
        over = [lease for lease in broker.leases.all() if _is_over(broker, lease, needs)]
    for lease in over:
        try:
            broker.release(lease.owner)
        except AssayError as error:
            yield f"cluster {lease.cluster}: could not be deleted: {error}"
        else:
            yield f"cluster {lease.cluster}: deleted, its lease is over"


def _is_over(broker: Broker, lease: Lease, needs: Needs) -> bool:
    if lease.provider != broker.provider.name:
        return False
    needed = needs(lease.owner)
    return lease.expires_at < stamp(datetime.now(UTC)) if needed is None else not needed


def _clear_pool(broker: Broker) -> Iterator[str]:
    """Delete members that died, that were never finished, or that no plan asks for any more."""
    yield from broker.pool.clear_away()
    with broker.admission():  # nobody takes one meanwhile
        for member, why in _unwanted(broker):
            try:
                broker.pool.remove(member)
            except AssayError as error:
                yield f"cluster {member.name}: could not be deleted: {error}"
            else:
                yield f"cluster {member.name}: deleted, {why}"


def _unwanted(broker: Broker) -> list[tuple[Cluster, str]]:
    leased = {lease.cluster for lease in broker.leases.all()}
    members = broker.pool.members(broker.provider.list())
    idle = [member for member in members if member.name not in leased]
    dead = [member for member in idle if member.state is ClusterState.DEGRADED]
    found = [(member, "a component of it died while it waited") for member in dead]
    wanted = {shelf.flavour: shelf.wanted for shelf in shelves(broker)}
    for flavour in {member.owner.removeprefix(OWNER) for member in idle}:
        surplus = broker.pool.ready(idle, flavour)[wanted.get(flavour, 0) :]
        found += [(member, "the pool needs fewer") for member in surplus]
    return found


def _freeze_idle(broker: Broker) -> Iterator[str]:
    with broker.admission():  # nobody takes one meanwhile
        leased = {lease.cluster for lease in broker.leases.all()}
        for member in broker.pool.ready(broker.provider.list()):
            waits = member.name not in leased and not member.frozen
            if waits and broker.pool.is_idle(member):
                try:
                    broker.freeze(member.name)
                except AssayError as error:
                    yield f"cluster {member.name}: could not be frozen: {error}"


def _lacking(broker: Broker) -> PoolPlan | None:
    plans = {plan.flavour(): plan for plan in _plans(broker)}
    for shelf in shelves(broker):
        if shelf.ready + shelf.incomplete < shelf.wanted:
            return plans[shelf.flavour]
    return None


def _has_room(broker: Broker) -> bool:
    clusters = broker.provider.list()
    promised = {c.name for c in clusters} | {lease.cluster for lease in broker.leases.all()}
    try:
        require_room(len(promised) + SPARE, broker.limit(clusters))
    except CapacityExhausted:
        return False
    return True


def _plans(broker: Broker) -> list[PoolPlan]:
    return list(broker.plans()) if broker.provider.dresser else []


def _asked_for(leases: list[Lease], flavour: str, now: datetime) -> int:
    recent = [lease for lease in leases if lease.flavour == flavour]
    return sum(1 for lease in recent if now - moment(lease.reserved_at) < LATELY)
