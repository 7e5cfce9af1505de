"""Leases: who gets which cluster, from the pool or anew, and when it is taken back."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from clusters.broker import Broker, CapacityExhausted, LeaseState
from clusters.broker.pool_plan import PoolPlan
from clusters.broker.reconciliation import reconcile, refill
from clusters.errors import NotFound
from clusters.provider import ClusterState
from clusters.spec import ClusterSpec

SOON = datetime.now(UTC) + timedelta(hours=1)
PAST = datetime.now(UTC) - timedelta(hours=1)


@pytest.fixture(autouse=True)
def _room_for_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "20")


def of(owner: str) -> ClusterSpec:
    return ClusterSpec(f"anew-for-{owner}", owner=f"team:{owner}")


def nobody_known(owner: str) -> bool | None:
    return None


def names(provider: Any) -> set[str]:
    return {cluster.name for cluster in provider.list()}


def test_a_member_of_the_pool_becomes_the_cluster_of_who_asks(
    broker: Broker, provider: Any, plans: list[PoolPlan]
) -> None:
    plans.append(PoolPlan(min=1, max=1))
    assert "made for the pool" in refill(broker)
    (waiting,) = provider.list()
    provider.freeze(waiting.name)

    cluster = broker.lease(of("ann"), SOON)

    assert (cluster.name, cluster.owner, cluster.dressed) == (waiting.name, "team:ann", True)
    assert not provider.status(cluster.name).frozen
    (lease,) = broker.leases.all()
    assert (lease.cluster, lease.warm, lease.state) == (waiting.name, True, LeaseState.OPEN)


def test_without_a_member_a_cluster_is_made_anew(broker: Broker, provider: Any) -> None:
    cluster = broker.lease(of("ann"), SOON)

    assert cluster.name == "anew-for-ann"
    assert not broker.leases.all()[0].warm


def test_an_owner_has_one_cluster_at_a_time(broker: Broker, provider: Any) -> None:
    first = broker.lease(of("ann"), SOON)

    assert broker.lease(of("ann"), SOON).name == first.name
    assert len(provider.list()) == 1


def test_a_member_of_another_flavour_is_left_alone(
    broker: Broker, provider: Any, plans: list[PoolPlan]
) -> None:
    plans.append(PoolPlan(min=1, max=1, kubernetes="1.36"))
    refill(broker)

    cluster = broker.lease(of("ann"), SOON)

    assert cluster.name == "anew-for-ann"
    assert len(provider.list()) == 2


def test_a_member_that_cannot_be_dressed_is_made_anew_under_its_name(
    broker: Broker, provider: Any, plans: list[PoolPlan]
) -> None:
    plans.append(PoolPlan(min=1, max=1))
    refill(broker)
    (waiting,) = provider.list()
    provider.sick.add(waiting.name)

    cluster = broker.lease(of("ann"), SOON)

    assert (cluster.name, cluster.dressed) == (waiting.name, True)
    assert names(provider) == {waiting.name}


def test_a_dead_member_is_not_given_out_and_goes(
    broker: Broker, provider: Any, plans: list[PoolPlan]
) -> None:
    plans.append(PoolPlan(min=1, max=1))
    refill(broker)
    (waiting,) = provider.list()
    provider.become(waiting.name, ClusterState.DEGRADED)

    assert broker.lease(of("ann"), SOON).name == "anew-for-ann"
    (said,) = reconcile(broker, nobody_known)

    assert said == f"cluster {waiting.name}: deleted, a component of it died while it waited"
    assert names(provider) == {"anew-for-ann"}


def test_what_waits_in_the_pool_gives_way_to_somebody_who_needs_its_room(
    broker: Broker, provider: Any, plans: list[PoolPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.append(PoolPlan(min=2, max=2, kubernetes="1.36"))
    refill(broker)
    refill(broker)
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "2")

    broker.lease(of("ann"), SOON)
    broker.lease(of("bob"), SOON)

    assert names(provider) == {"anew-for-ann", "anew-for-bob"}
    with pytest.raises(CapacityExhausted, match="all 2 clusters"):
        broker.lease(of("cid"), SOON)
    assert broker.leases.of("team:cid") is None


def test_many_at_once_get_a_cluster_each(
    broker: Broker, provider: Any, plans: list[PoolPlan]
) -> None:
    plans.append(PoolPlan(min=3, max=3))
    while refill(broker):
        pass
    owners = [f"owner-{number}" for number in range(8)]
    together = threading.Barrier(len(owners))

    def lease(owner: str) -> str:
        together.wait(10)
        return broker.lease(of(owner), SOON).name

    with ThreadPoolExecutor(len(owners)) as threads:
        given = list(threads.map(lease, owners))

    assert len(set(given)) == len(owners)
    assert sum(lease.warm for lease in broker.leases.all()) == 3


def test_a_lease_whose_time_is_over_ends_with_its_cluster(broker: Broker, provider: Any) -> None:
    broker.lease(of("ann"), PAST)
    broker.lease(of("bob"), SOON)

    (said,) = reconcile(broker, nobody_known)

    assert said == "cluster anew-for-ann: deleted, its lease is over"
    assert names(provider) == {"anew-for-bob"}
    assert [lease.owner for lease in broker.leases.all()] == ["team:bob"]


def test_a_lease_lasts_as_long_as_its_owner_needs_it(broker: Broker, provider: Any) -> None:
    broker.lease(of("ann"), PAST)
    broker.lease(of("bob"), SOON)

    said = list(reconcile(broker, lambda owner: owner == "team:ann"))

    assert said == ["cluster anew-for-bob: deleted, its lease is over"]
    assert names(provider) == {"anew-for-ann"}


def test_a_lease_can_be_extended_but_not_cut_short(broker: Broker) -> None:
    broker.lease(of("ann"), SOON)

    longer = broker.extend("team:ann", SOON + timedelta(hours=1))
    same = broker.extend("team:ann", PAST)

    assert longer is not None
    assert longer == same
    assert longer.extensions == 1
    assert broker.extend("team:nobody", SOON) is None


def test_releasing_twice_is_no_error_and_is_remembered_once(broker: Broker, provider: Any) -> None:
    broker.lease(of("ann"), SOON)

    broker.release("team:ann")
    broker.release("team:ann")

    assert names(provider) == set()
    assert len(broker.leases.held_seconds()) == 1


def test_opening_needs_a_lease(broker: Broker) -> None:
    with pytest.raises(NotFound, match="no cluster is set aside for team:ann"):
        broker.open(of("ann"))


def test_a_lease_that_was_reserved_and_never_recorded_is_taken_back(
    broker: Broker, provider: Any
) -> None:
    with broker.admission():
        broker.reserve(of("ann"), SOON)

    said = list(reconcile(broker, lambda owner: False))

    assert said == ["cluster anew-for-ann: deleted, its lease is over"]
    assert broker.leases.all() == []


def test_a_lease_rests_while_its_owner_is_away_and_goes_on_where_it_was(
    broker: Broker, provider: Any
) -> None:
    name = broker.lease(of("ann"), SOON).name

    assert broker.pause("team:ann")
    assert provider.status(name).frozen
    assert broker.is_paused("team:ann")
    assert broker.leases.all()[0].state is LeaseState.PAUSED

    broker.resume("team:ann")
    assert not provider.status(name).frozen
    assert broker.leases.all()[0].state is LeaseState.OPEN


def test_what_cannot_rest_stays_awake(broker: Broker, provider: Any) -> None:
    assert not broker.pause("team:ann")
    with broker.admission():
        broker.reserve(of("ann"), SOON)
    assert not broker.pause("team:ann")  # it is being made
    broker.open(of("ann"))
    provider.freezer = None

    assert not broker.pause("team:ann")
    assert not broker.is_paused("team:ann")
