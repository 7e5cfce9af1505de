"""Snapshots: what comes back, what goes, and what a kill in the middle leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from clusters.errors import InputInvalid, NotFound
from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider
from clusters.snapshots import RESTORED_AT
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

WaitUntil = Callable[..., None]
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"
PODS = "/api/v1/namespaces/default/pods"
NOTES = "/api/v1/namespaces/default/configmaps"
SPACES = "/api/v1/namespaces"
WEB: dict[str, Any] = {
    "metadata": {"name": "web"},
    "spec": {
        "replicas": 3,
        "selector": {"matchLabels": {"app": "web"}},
        "template": {
            "metadata": {"labels": {"app": "web"}},
            "spec": {"containers": [{"name": "web", "image": "web"}]},
        },
    },
}


@pytest.fixture
def running_web(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> Iterator[dict[str, str]]:
    """The uids of a Deployment's Pods that run, and the snapshot `web` of them."""
    provider.create(ClusterSpec(cluster.name))
    provider.snapshots.take(cluster.name, "empty")
    assert learner.post(DEPLOYMENTS, json=WEB).status_code == 201
    wait_until(lambda: len(phases(learner)) == 3 and set(phases(learner).values()) == {"Running"})
    provider.snapshots.take(cluster.name, "web")
    yield phases(learner)
    provider.create(ClusterSpec(cluster.name))
    provider.snapshots.restore(cluster.name, "empty")


def phases(client: httpx.Client) -> dict[str, str]:
    """Return the phase of each Pod, by its uid."""
    items = client.get(PODS).json()["items"]
    return {pod["metadata"]["uid"]: pod["status"].get("phase", "") for pod in items}


def test_a_restore_brings_back_what_was_lost_and_removes_what_was_made(
    running_web: dict[str, str],
    provider: EmbeddedProvider,
    cluster: Cluster,
    learner: httpx.Client,
    wait_until: WaitUntil,
) -> None:
    learner.delete(f"{DEPLOYMENTS}/web")
    learner.post(SPACES, json={"metadata": {"name": "later"}})
    wait_until(lambda: not phases(learner))  # the garbage collector has seen them go
    learner.delete("/api/v1/nodes/gpu-node-1")

    provider.snapshots.restore(cluster.name, "web")

    assert phases(learner) == running_web, "the same Pods, with the same uids"
    assert learner.get("/api/v1/nodes/gpu-node-1").status_code == 200
    assert learner.get(f"{SPACES}/later").status_code == 404
    assert provider.status(cluster.name).state is ClusterState.READY


def test_controllers_work_after_a_restore_and_leave_alone_what_came_back(
    running_web: dict[str, str],
    provider: EmbeddedProvider,
    cluster: Cluster,
    learner: httpx.Client,
    wait_until: WaitUntil,
) -> None:
    learner.delete(f"{DEPLOYMENTS}/web")
    wait_until(lambda: not phases(learner))
    provider.snapshots.restore(cluster.name, "web")

    scale = {"spec": {"replicas": 4}}
    kind = {"Content-Type": "application/merge-patch+json"}
    assert learner.patch(f"{DEPLOYMENTS}/web", json=scale, headers=kind).status_code == 200
    wait_until(lambda: list(phases(learner).values()).count("Running") == 4)

    assert running_web.items() <= phases(learner).items()


def test_versions_never_go_back_and_a_watch_sees_the_restore_as_changes(
    running_web: dict[str, str],
    provider: EmbeddedProvider,
    cluster: Cluster,
    learner: httpx.Client,
) -> None:
    learner.post(NOTES, json={"metadata": {"name": "later"}})
    before = learner.get(NOTES).json()["metadata"]["resourceVersion"]
    provider.snapshots.restore(cluster.name, "web")

    after = learner.get(NOTES).json()["metadata"]["resourceVersion"]
    asked = {"watch": "true", "resourceVersion": before, "timeoutSeconds": "1"}
    seen = learner.get(NOTES, params=asked).text

    assert int(after) > int(before)
    assert '"DELETED"' in seen
    assert '"name":"later"' in seen


def test_the_audit_log_says_that_a_cluster_was_taken_back(
    running_web: dict[str, str], provider: EmbeddedProvider, cluster: Cluster
) -> None:
    provider.snapshots.restore(cluster.name, "web")

    last = [line for line in cluster.audit_log.read_text().splitlines() if "restored-web" in line]
    assert "assay:platform" in last[-1]
    assert "dryRun=All" in last[-1]


@pytest.mark.parametrize("after", [0.02, 0.1, 0.2, 0.35])
def test_a_restore_that_is_killed_is_completed_by_create_or_never_began(
    running_web: dict[str, str],
    provider: EmbeddedProvider,
    cluster: Cluster,
    learner: httpx.Client,
    wait_until: WaitUntil,
    after: float,
) -> None:
    learner.post(NOTES, json={"metadata": {"name": "later"}})
    program = (
        "import sys; from clusters.provider import provider_named; p = provider_named(); "
        "print('.', flush=True); p.snapshots.restore(sys.argv[1], 'web')"
    )
    command = [sys.executable, "-c", program, cluster.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as child:
        assert child.stdout
        assert child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)

    repaired = provider.create(ClusterSpec(cluster.name))

    assert (repaired.state, repaired.frozen) == (ClusterState.READY, False)
    assert phases(learner).keys() == running_web.keys()
    learner.post(NOTES, json={"metadata": {"name": "mine"}})
    provider.create(ClusterSpec(cluster.name))
    assert learner.get(f"{NOTES}/mine").status_code == 200, "a restore is not repeated"


def test_a_snapshot_of_a_frozen_cluster_leaves_it_frozen(
    provider: EmbeddedProvider, cluster: Cluster
) -> None:
    provider.freezer.freeze(cluster.name)
    try:
        provider.snapshots.take(cluster.name, "still")
        names = [snapshot.name for snapshot in provider.snapshots.taken(cluster.name)]
        found = provider.status(cluster.name)
    finally:
        provider.freezer.thaw(cluster.name)

    assert names[-1] == "still"
    assert found.frozen
    provider.snapshots.drop(cluster.name, "still")
    assert "still" not in {s.name for s in provider.snapshots.taken(cluster.name)}


def test_what_cannot_be_taken_or_restored_is_said(
    provider: EmbeddedProvider, cluster: Cluster
) -> None:
    with pytest.raises(InputInvalid, match=r"snapshot name '\.\./pki'"):
        provider.snapshots.take(cluster.name, "../pki")
    with pytest.raises(NotFound, match="has no snapshot 'unknown'"):
        provider.snapshots.restore(cluster.name, "unknown")
    with pytest.raises(NotFound, match="no finished cluster 'nobody'"):
        provider.snapshots.take("nobody", "start")


KILLED = {
    "before anything is written": "s._make_equal = die",
    "when all is written": "s._write_mark = lambda f, m: die() if m.restored_at else write(f, m)",
    "before the audit log says so": "ApiServer.would_take = die",
    "before the controllers run": "p.snapshots._resume = die",
}


@pytest.mark.parametrize("moment", KILLED)
def test_a_restore_killed_at_a_certain_moment_is_completed_and_told(
    running_web: dict[str, str],
    provider: EmbeddedProvider,
    cluster: Cluster,
    learner: httpx.Client,
    moment: str,
) -> None:
    learner.post(NOTES, json={"metadata": {"name": "later"}})
    told = cluster.audit_log.read_text().count(RESTORED_AT)
    program = (
        "import os, sys; from clusters.provider import provider_named\n"
        "from clusters.providers.embedded import snapshots as s\n"
        "from clusters.providers.embedded.api import ApiServer\n"
        "p = provider_named(); write = s._write_mark\n"
        "def die(*_): os.kill(os.getpid(), 9)\n"
        f"{KILLED[moment]}\n"
        "p.snapshots.restore(sys.argv[1], 'web')"
    )
    done = subprocess.run([sys.executable, "-c", program, cluster.name], env=os.environ)
    assert done.returncode == -signal.SIGKILL
    assert provider.status(cluster.name).state is ClusterState.DEGRADED

    repaired = provider.create(ClusterSpec(cluster.name))

    assert (repaired.state, repaired.frozen) == (ClusterState.READY, False)
    assert phases(learner).keys() == running_web.keys()
    assert learner.get(f"{NOTES}/later").status_code == 404
    assert cluster.audit_log.read_text().count(RESTORED_AT) > told


def test_what_was_taken_later_is_forgotten(
    running_web: dict[str, str], provider: EmbeddedProvider, cluster: Cluster
) -> None:
    provider.snapshots.take(cluster.name, "later")

    provider.snapshots.restore(cluster.name, "web")

    assert [s.name for s in provider.snapshots.taken(cluster.name)] == ["empty", "web"]


def test_a_cluster_that_went_away_gets_no_folder_again(provider: EmbeddedProvider) -> None:
    folder = provider._folder("went-away")

    with pytest.raises(NotFound, match="there is no cluster 'went-away'"), folder.locked(made=True):
        pass

    assert not folder.path.exists()
