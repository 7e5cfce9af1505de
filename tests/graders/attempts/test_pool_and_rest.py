"""An attempt at a real cluster that waited in the pool, frozen; and one whose learner goes away."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from clusters.broker.pool_plan import PoolPlan
from clusters.broker.reconciliation import refill
from clusters.provider import ClusterState
from graders.attempts import Attempts
from graders.ledger import AttemptState
from graders.report import Outcome

LAB = "small-lab"
Solve = Callable[..., None]

pytestmark = pytest.mark.cluster


def processor_seconds(attempts: Attempts, cluster: str) -> float:
    import psutil

    pids = [part.pid for part in attempts.provider.status(cluster).components if part.pid]
    times = [psutil.Process(pid).cpu_times() for pid in pids]
    return sum(time.user + time.system for time in times)


def test_a_frozen_cluster_of_the_pool_is_solved_rests_and_is_graded_again(
    attempts: Attempts, tmp_path: Path, solve: Solve
) -> None:
    attempts.broker.plans = lambda: [PoolPlan(min=1, max=1)]
    assert refill(attempts.broker)
    (waiting,) = attempts.broker.pool.members(attempts.provider.list())
    attempts.broker.freeze(waiting.name)

    attempt = attempts.start("ann", LAB)
    attempts.broker.plans = list

    assert (attempt.cluster, attempt.cluster_uid) == (waiting.name, waiting.uid)
    solve(attempts, attempt, tmp_path)
    assert attempts.check(attempt.id).passed

    assert attempts.pause("ann", LAB)
    before = processor_seconds(attempts, attempt.cluster)
    assert attempts.reconcile() == []  # it is not taken for dead
    time.sleep(0.5)  # a cluster that runs uses processor time meanwhile
    assert processor_seconds(attempts, attempt.cluster) - before < 0.05  # a few ticks, told late
    assert attempts.provider.status(attempt.cluster).frozen

    again = attempts.check(attempt.id)
    assert {result.outcome for result in again.results} == {Outcome.PASSED}
    assert not attempts.provider.status(attempt.cluster).frozen

    assert attempts.pause("ann", LAB)
    assert attempts.start("ann", LAB).id == attempt.id
    found = attempts.provider.status(attempt.cluster)
    assert (found.state, found.frozen, found.uid) == (
        ClusterState.READY,
        False,
        attempt.cluster_uid,
    )

    assert attempts.pause("ann", LAB)
    assert attempts.finish(attempt.id).state is AttemptState.FINISHED
    assert attempt.cluster not in {found.name for found in attempts.provider.list()}
    assert attempts.broker.leases.all() == []
