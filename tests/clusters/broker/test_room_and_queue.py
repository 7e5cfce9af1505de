"""Room by measured memory, and the queue of those for whom there is none."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from clusters.broker import Broker
from clusters.broker.lease import Lease, stamp
from clusters.broker.memory import Memory, memory_now, proportional
from clusters.broker.room import LEAST_NEED, USUAL_NEED, limit_of, need_of
from clusters.broker.waiting import Place, expected_wait, spoken
from clusters.capability import Capability
from clusters.provider import Cluster, ClusterState, Component

GIB = 2**30
NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _no_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_MAX_CLUSTERS", raising=False)


def clusters(number: int, state: ClusterState = ClusterState.READY) -> list[Cluster]:
    nowhere = Path("/nowhere")
    return [
        Cluster(
            name=f"c{index}",
            provider="fake",
            state=state,
            kubernetes="",
            capabilities=frozenset({Capability.SCHEDULING}),
            kubeconfig=nowhere,
            grader_kubeconfig=nowhere,
            platform_kubeconfig=nowhere,
            audit_log=nowhere,
            components=(Component("etcd", 1, memory=100 * 2**20),),
        )
        for index in range(number)
    ]


def lease(opened: int, expires: int) -> Lease:
    """A lease that was opened so many minutes ago and expires in so many."""
    return Lease(
        cluster=f"c{opened}-{expires}",
        owner=f"o{opened}-{expires}",
        provider="fake",
        flavour="",
        warm=False,
        reserved_at=stamp(NOW - timedelta(minutes=opened)),
        opened_at=stamp(NOW - timedelta(minutes=opened)),
        expires_at=stamp(NOW + timedelta(minutes=expires)),
    )


def test_the_limit_follows_the_memory_that_is_left() -> None:
    memory = Memory(total=24 * GIB, available=9 * GIB)

    assert limit_of(clusters(4), GIB, memory) == 12  # one GiB stays free


def test_clusters_that_are_still_growing_are_counted_as_grown() -> None:
    memory = Memory(total=24 * GIB, available=9 * GIB)
    need = GIB + 100 * 2**20

    assert limit_of(clusters(4, ClusterState.INCOMPLETE), need, memory) == 4 + 3


def test_there_is_always_room_for_one() -> None:
    assert limit_of([], GIB, Memory(total=GIB, available=0)) == 1


def test_a_machine_that_waits_for_memory_takes_nothing_more() -> None:
    memory = Memory(total=24 * GIB, available=9 * GIB, stalled=25.0)

    assert limit_of(clusters(3), GIB, memory) == 3


def test_need_follows_what_was_measured() -> None:
    assert need_of([]) == USUAL_NEED
    assert need_of([300 * 2**20, 400 * 2**20, 0]) == int(400 * 2**20 * 1.3)
    assert need_of([2**20]) == LEAST_NEED


def test_memory_is_measured_here() -> None:
    found = memory_now()

    assert 0 < found.available <= found.total
    assert proportional([os.getpid()]) > 2**20
    assert proportional([2**22 + 1]) == 0


def test_who_waits_moves_up_and_keeps_the_place_when_the_platform_restarts(broker: Broker) -> None:
    assert [broker.wait(seat).position for seat in ("ann/a", "bob/a", "cid/a", "bob/a")] == [
        1,
        2,
        3,
        2,
    ]
    again = Broker(broker.leases._sessions.engine, broker.provider, lambda: [])

    again.leave("ann/a")

    assert again.wait("cid/a").position == 2
    assert again.queue.others_before("bob/a") == 0
    assert again.queue.others_before("new/a") == 2


def test_a_seat_of_who_went_away_is_given_away(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker.wait("ann/a")
    broker.wait("bob/a")
    monkeypatch.setattr("clusters.broker.waiting.KEPT_SECONDS", -1.0)

    assert broker.wait("bob/a").position == 1


def test_the_wait_is_until_enough_leases_have_ended() -> None:
    leases = [lease(10, 50), lease(5, 20), lease(1, 90)]

    waits = [expected_wait(position, leases, [], NOW) for position in (1, 2, 3, 4)]

    assert waits == [20 * 60, 50 * 60, 90 * 60, (20 + 90) * 60]


def test_the_wait_follows_how_long_leases_were_held_lately() -> None:
    leases = [lease(10, 100), lease(25, 100), lease(40, 5)]
    usual = [30 * 60.0] * 9

    waits = [expected_wait(position, leases, usual, NOW) for position in (1, 2, 3, 4)]

    assert waits == [5 * 60, 5 * 60, 20 * 60, 35 * 60]
    assert expected_wait(1, [], usual, NOW) is None


def test_a_place_is_told_in_words() -> None:
    assert Place(2, 700.0).sentence() == (
        "Every place is taken; you are number 2 in the queue; about 12 min to wait"
    )
    assert Place(1, None).sentence() == "Every place is taken; you are number 1 in the queue"
    assert [spoken(seconds) for seconds in (0, 59, 60, 5400, 7200)] == [
        "1 s",
        "59 s",
        "1 min",
        "1 h 30 min",
        "2 h",
    ]
