"""Whoever fills the pool or takes from it is killed in the middle; the next round puts it right."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest

from clusters.broker import Broker
from clusters.broker.pool_plan import PoolPlan
from clusters.broker.reconciliation import reconcile, refill
from clusters.database import connect, database_url
from clusters.home import home
from clusters.provider import ClusterState
from clusters.providers.embedded import EmbeddedProvider
from clusters.providers.embedded.processes import CLUSTER_MARK
from clusters.spec import ClusterSpec

PROGRAM = """
import sys, threading
from datetime import UTC, datetime, timedelta
from clusters.broker import Broker
from clusters.broker.pool_plan import PoolPlan
from clusters.database import connect, database_url
from clusters.provider import provider_named
from clusters.spec import ClusterSpec

def tell(phase):
    print(phase.name, flush=True)
    if phase.name == sys.argv[2]:
        threading.Event().wait()

plan = PoolPlan(min=1, max=1)
broker = Broker(connect(database_url()), provider_named(), lambda: [plan])
if sys.argv[1] == "fill":
    broker.pool.make(plan, tell)
else:
    soon = datetime.now(UTC) + timedelta(hours=1)
    broker.lease(ClusterSpec("anew", owner="team:ann"), soon, tell)
"""

pytestmark = pytest.mark.cluster


@pytest.fixture
def broker(assay_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Broker]:
    monkeypatch.setenv("ASSAY_HOME", str(assay_home / "b"))
    home()
    engine = connect(database_url())
    broker = Broker(engine, EmbeddedProvider(), lambda: [PoolPlan(min=1, max=1)])
    yield broker
    for cluster in broker.provider.list():
        broker.provider.delete(cluster.name)
    engine.dispose()


def kill_at(what: str, phase: str) -> None:
    """Start a program that fills the pool or takes a lease; kill it in a phase."""
    command = [sys.executable, "-c", PROGRAM, what, phase]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reached = any(line.strip() == phase for line in process.stdout)
        process.kill()
    assert reached, f"it ended before the phase {phase}"


def settle(broker: Broker, needs: bool | None = None) -> list[str]:
    return list(reconcile(broker, lambda owner: needs))


def traces() -> list[str]:
    """Return what there is of clusters on this installation: folders, locks, processes."""
    root = home() / "clusters"
    folders = [path.name for path in root.glob("*")]
    marks = [path.name for path in (home() / "locks").glob("pool-*")]
    running = [
        process.name()
        for process in psutil.process_iter(["environ"])
        if Path((process.info["environ"] or {}).get(CLUSTER_MARK, "/")).parent == root
    ]
    return [*folders, *marks, *running]


def test_whatever_is_killed_nothing_is_left_and_the_pool_serves_again(broker: Broker) -> None:
    kill_at("fill", "credentials")
    assert len(settle(broker)) == 1
    kill_at("fill", "api-server")
    assert len(settle(broker)) == 1
    assert traces() == []

    refill(broker)
    (waiting,) = broker.provider.list()
    assert (waiting.state, waiting.dressed) == (ClusterState.READY, False)

    kill_at("lease", "accelerators")
    (lease,) = broker.leases.all()
    assert (lease.cluster, lease.opened_at) == (waiting.name, "")

    soon = datetime.now(UTC) + timedelta(hours=1)
    cluster = broker.lease(ClusterSpec("anew", owner="team:ann"), soon)  # it is asked again
    assert (cluster.name, cluster.uid, cluster.state) == (
        waiting.name,
        waiting.uid,
        ClusterState.READY,
    )
    assert settle(broker) == []

    assert len(settle(broker, needs=False)) == 1
    assert traces() == []
    assert broker.leases.all() == []
