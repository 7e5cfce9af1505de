"""The pool: filled while there is room, cut to what is wanted, frozen while it waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from clusters.broker import Broker
from clusters.broker.pool_plan import PoolPlan, Window, read_plans
from clusters.broker.reconciliation import reconcile, refill, shelves
from clusters.errors import InputInvalid
from clusters.file_lock import locked
from clusters.home import home
from clusters.provider import ClusterState
from clusters.spec import ClusterSpec

SOON = datetime.now(UTC) + timedelta(hours=1)
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _room_for_twenty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "20")


def settle(broker: Broker) -> list[str]:
    return list(reconcile(broker, lambda owner: None))


def fill(broker: Broker) -> int:
    made = 0
    while refill(broker):
        made += 1
    return made


def test_it_is_filled_to_its_least(broker: Broker, plans: list[PoolPlan], provider: Any) -> None:
    plans.append(PoolPlan(min=2, max=5))

    assert fill(broker) == 2
    (shelf,) = shelves(broker)
    assert (shelf.wanted, shelf.ready, shelf.incomplete) == (2, 2, 0)
    assert not any(cluster.dressed for cluster in provider.list())


def test_what_was_asked_for_lately_is_expected_again(broker: Broker, plans: list[PoolPlan]) -> None:
    plans.append(PoolPlan(min=1, max=3))
    for owner in ("ann", "bob", "cid", "dan"):
        broker.lease(ClusterSpec(f"of-{owner}", owner=owner), SOON)

    assert fill(broker) == 3


def test_what_no_plan_asks_for_any_more_goes(
    broker: Broker, plans: list[PoolPlan], provider: Any
) -> None:
    plans.append(PoolPlan(min=2, max=2))
    fill(broker)
    plans[:] = [PoolPlan(min=1, max=1)]

    assert ["the pool needs fewer" in said for said in settle(broker)] == [True]
    plans.clear()

    assert len(settle(broker)) == 1
    assert not provider.list()


def test_idle_members_are_frozen_and_leased_clusters_are_not(
    broker: Broker, plans: list[PoolPlan], provider: Any
) -> None:
    plans.append(PoolPlan(min=2, max=2))
    fill(broker)
    leased = broker.lease(ClusterSpec("of-ann", owner="ann"), SOON)

    settle(broker)

    frozen = {found.name: found.frozen for found in provider.list()}
    assert len(frozen) == 2
    assert [name for name in frozen if not frozen[name]] == [leased.name]


def test_nothing_is_made_while_somebody_waits_for_room(
    broker: Broker, plans: list[PoolPlan]
) -> None:
    plans.append(PoolPlan(min=1, max=1))
    broker.wait("ann/dra-01")

    assert refill(broker) == ""
    broker.leave("ann/dra-01")
    assert refill(broker)


def test_the_last_room_is_kept_for_a_learner(
    broker: Broker, plans: list[PoolPlan], monkeypatch: pytest.MonkeyPatch
) -> None:
    plans.append(PoolPlan(min=5, max=5))
    monkeypatch.setenv("ASSAY_MAX_CLUSTERS", "3")

    assert fill(broker) == 2


def test_one_process_fills_it_at_a_time(broker: Broker, plans: list[PoolPlan]) -> None:
    plans.append(PoolPlan(min=1, max=1))

    with locked(home() / "locks" / "refill"):
        assert refill(broker) == ""


def test_a_member_that_was_never_finished_goes(broker: Broker, provider: Any) -> None:
    name = "lab-0123456789ab"
    (home() / "locks").mkdir(parents=True)
    mark = home() / "locks" / f"pool-{name}"
    mark.touch()
    provider.create_undressed(ClusterSpec(name))
    provider.become(name, ClusterState.INCOMPLETE)

    with locked(mark):
        assert settle(broker) == []  # somebody is at it
    assert settle(broker) == [f"cluster {name}: deleted, it was never finished for the pool"]
    assert not provider.list()
    assert not mark.exists()


def test_a_window_says_when_more_are_to_be_ready() -> None:
    window = Window.model_validate(
        {"days": ["monday"], "from": "08:40", "to": "09:20", "ready": 12}
    )
    plan = PoolPlan(min=1, max=12, schedule=(window,))

    def wanted(day: int, hour: int, minute: int) -> int:
        return plan.wanted(MONDAY + timedelta(days=day, hours=hour, minutes=minute), 0)

    assert wanted(0, 8, 39) == 1
    assert wanted(0, 8, 40) == 12
    assert wanted(0, 9, 20) == 1
    assert wanted(1, 9, 0) == 1


def test_a_window_may_go_past_midnight() -> None:
    window = Window.model_validate({"days": ["monday"], "from": "23:00", "to": "01:00", "ready": 2})

    held = [window.holds(MONDAY + timedelta(hours=hours)) for hours in (0, 22, 23, 24, 25)]

    assert held == [False, False, True, True, False]


def test_every_problem_of_the_plan_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "pool.yaml"
    path.write_text(
        "apiVersion: assay.dev/v1\nkind: Pool\npools:\n"
        "  - {min: 3, max: 2}\n"
        "  - {max: 2, schedule: [{from: '8:40', to: '09:00', ready: 1}], speed: 3}\n"
    )

    with pytest.raises(InputInvalid) as problems:
        read_plans(path)

    assert problems.value.problems == [
        f"{path}: pools[0]: min and what the schedule asks for must not exceed max",
        f"{path}: pools[1].schedule[0].from: '8:40' is not a time of day such as 08:40",
        f"{path}: pools[1].speed: unknown key",
    ]


def test_without_a_plan_nothing_waits(tmp_path: Path) -> None:
    assert read_plans(tmp_path / "pool.yaml") == ()
