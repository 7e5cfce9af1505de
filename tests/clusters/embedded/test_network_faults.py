"""A cluster with a network under faults: whatever is killed, Pods converge and nothing is left."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

import httpx
import psutil
import pytest

from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider, processes
from tests.clusters.embedded.pods import LACKING, PODS, WHY_NOT, networked_spec

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(LACKING), reason=WHY_NOT)]
NAME = "stricken"
SPEC = networked_spec(NAME, "a", "b")
DEPLOYMENT = "/apis/apps/v1/namespaces/default/deployments/web"
WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedProvider:
    return EmbeddedProvider(tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    yield provider.create(SPEC)
    provider.delete(NAME)


@pytest.fixture(scope="module", autouse=True)
def web(learner: httpx.Client, wait_until: WaitUntil) -> None:
    """Three replicas of a server, and its Service."""
    probe = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
    container = {"name": "main", "image": "nginx", "readinessProbe": probe}
    template = {
        "metadata": {"labels": {"app": "web"}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 1},
    }
    spec = {"replicas": 3, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    meta = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}}
    learner.post(DEPLOYMENT.removesuffix("/web"), json={**meta, "spec": spec}).raise_for_status()
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"}}
    ports = {"selector": {"app": "web"}, "ports": [{"port": 80}]}
    learner.post(
        "/api/v1/namespaces/default/services", json={**service, "spec": ports}
    ).raise_for_status()
    wait_until(lambda: ready(learner) == 3, 120)


def ready(client: httpx.Client) -> int:
    return int(client.get(DEPLOYMENT).json()["status"].get("readyReplicas", 0))


def restarts(client: httpx.Client) -> dict[str, int]:
    return {
        pod["metadata"]["name"]: sum(
            status["restartCount"] for status in pod["status"].get("containerStatuses", [])
        )
        for pod in client.get(PODS).json()["items"]
    }


def starts(client: httpx.Client) -> dict[str, datetime]:
    """Return when the container of each Pod started, of those that run."""
    return {
        pod["metadata"]["name"]: datetime.fromisoformat(status["state"]["running"]["startedAt"])
        for pod in client.get(PODS).json()["items"]
        for status in pod["status"].get("containerStatuses", [])
        if "running" in status["state"]
    }


def running_of(cluster: Cluster) -> dict[str, list[psutil.Process]]:
    return processes.find_cluster(cluster.kubeconfig.parent)


def pid_of(cluster: Cluster, component: str) -> int:
    return running_of(cluster)[component][0].pid


def answers(client: httpx.Client) -> bool:
    return client.get("/api/v1/namespaces/default/services/web:80/proxy/").is_success


def scale(client: httpx.Client, replicas: int) -> None:
    client.patch(
        DEPLOYMENT,
        json={"spec": {"replicas": replicas}},
        headers={"Content-Type": "application/merge-patch+json"},
    ).raise_for_status()


def test_containers_outlive_the_runner_and_the_next_one_takes_them_up(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    before = restarts(learner)
    kept = {process.pid for process in running_of(cluster)[processes.POD]}

    os.kill(pid_of(cluster, "podrunner"), signal.SIGKILL)
    assert provider.status(NAME).state is ClusterState.DEGRADED
    assert answers(learner)
    provider.create(SPEC)

    scale(learner, 4)
    wait_until(lambda: ready(learner) == 4)
    assert restarts(learner).items() >= before.items()
    assert kept <= {process.pid for process in running_of(cluster)[processes.POD]}
    scale(learner, 3)
    wait_until(lambda: len(restarts(learner)) == 3)


def test_what_happened_while_no_runner_lived_is_made_up_for(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    os.kill(pid_of(cluster, "podrunner"), signal.SIGKILL)
    victim, dying = sorted(restarts(learner))[:2]
    uid = learner.get(f"{PODS}/{victim}").json()["metadata"]["uid"]
    learner.delete(f"{PODS}/{victim}", params={"gracePeriodSeconds": "0"})
    other = learner.get(f"{PODS}/{dying}").json()["metadata"]["uid"]
    for process in running_of(cluster)[processes.POD]:
        if marked(process).get("ASSAY_POD") == other and marked(process)["ASSAY_CONTAINER"]:
            process.kill()

    provider.create(SPEC)

    wait_until(lambda: ready(learner) == 3)
    wait_until(lambda: not (cluster.kubeconfig.parent / "pods" / uid).exists())
    marks = [marked(process).get("ASSAY_POD") for process in running_of(cluster)[processes.POD]]
    assert uid not in marks
    assert restarts(learner)[dying] == 1


def marked(process: psutil.Process) -> dict[str, str]:
    try:
        environment: dict[str, str] = process.environ()
    except psutil.Error:
        return {}
    return environment if "ASSAY_POD" in environment else {}


def test_a_runner_that_is_killed_again_and_again_leaks_nothing(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    """At moments that chance chooses, while Pods come and go."""
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    chance = random.Random(seed)
    for _ in range(6):
        scale(learner, chance.randint(1, 5))
        time.sleep(chance.random())
        runner = psutil.Process(pid_of(cluster, "podrunner"))
        runner.kill()
        psutil.wait_procs([runner])  # one that is still ending looks like one that runs
        provider.create(SPEC)
    scale(learner, 3)
    wait_until(lambda: ready(learner) == 3 and len(restarts(learner)) == 3, 120)

    uids = {pod["metadata"]["uid"] for pod in learner.get(PODS).json()["items"]}
    folders = cluster.kubeconfig.parent / "pods"

    def agree() -> bool:
        marks = [marked(process) for process in running_of(cluster)[processes.POD]]
        holders = [m["ASSAY_POD"] for m in marks if m and not m["ASSAY_CONTAINER"]]
        mains = [m["ASSAY_POD"] for m in marks if m and m["ASSAY_CONTAINER"]]
        return sorted(holders) == sorted(mains) == sorted(uids) == sorted(os.listdir(folders))

    wait_until(agree)
    assert answers(learner)


@pytest.mark.parametrize("component", ["kube-proxy", "coredns"])
def test_a_part_of_the_network_that_was_killed_is_started_again(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, component: str
) -> None:
    before = restarts(learner)
    os.kill(pid_of(cluster, component), signal.SIGKILL)
    assert provider.status(NAME).state is ClusterState.DEGRADED

    assert provider.create(SPEC).state is ClusterState.READY
    assert restarts(learner) == before


def test_a_frozen_cluster_holds_its_containers_and_goes_on_with_them(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    before = restarts(learner)
    provider.freezer.freeze(NAME)
    try:
        everything = list(chain.from_iterable(running_of(cluster).values()))
        servers = [p for p in everything if "static-server" in " ".join(p.cmdline())]
        assert len(servers) == 3
        assert all(map(processes.is_held, everything))
    finally:
        provider.freezer.thaw(NAME)

    wait_until(lambda: ready(learner) == 3 and answers(learner))
    assert restarts(learner) == before


def test_pods_of_a_snapshot_start_anew_and_others_end(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    provider.snapshots.take(NAME, "before")
    names = set(restarts(learner))
    scale(learner, 1)
    wait_until(lambda: len(restarts(learner)) == 1)
    pod = {"containers": [{"name": "main", "image": "busybox", "command": ["sleep", "600"]}]}
    late = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "late"}, "spec": pod}
    learner.post(PODS, json=late).raise_for_status()
    wait_until(lambda: learner.get(f"{PODS}/late").json()["status"].get("phase") == "Running")

    provider.snapshots.restore(NAME, "before")

    wait_until(lambda: set(restarts(learner)) == names)
    wait_until(lambda: ready(learner) == 3, 120)
    wait_until(lambda: answers(learner))
    for told in (p["status"] for p in learner.get(PODS).json()["items"]):
        assert [address["ip"] for address in told["podIPs"]] == [told["podIP"]]
    asleep = [p for p in running_of(cluster)[processes.POD] if p.cmdline()[:2] == ["sleep", "600"]]
    assert asleep == []


def test_a_cluster_that_was_stopped_goes_on_with_its_pods(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    names = set(restarts(learner))
    processes.stop_cluster(cluster.kubeconfig.parent)
    stopped = datetime.now(UTC).replace(microsecond=0)

    provider.create(SPEC)

    wait_until(lambda: starts(learner).keys() == names, 120)
    wait_until(lambda: all(start >= stopped for start in starts(learner).values()), 120)
    wait_until(lambda: ready(learner) == 3)
    wait_until(lambda: answers(learner))


def test_a_deleted_cluster_leaves_no_process_folder_or_mount(
    tmp_path: Path, connect: Callable[[Path], httpx.Client], wait_until: WaitUntil
) -> None:
    provider = EmbeddedProvider(tmp_path)
    made = provider.create(networked_spec("short", "a"))
    command = ["sleep", "86399"]
    pod = {"containers": [{"name": "main", "image": "busybox", "command": command}]}

    def asleep() -> list[psutil.Process]:
        return [p for p in psutil.process_iter(["cmdline"]) if p.info["cmdline"] == command]

    try:
        with connect(made.kubeconfig) as client:
            document = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": pod}
            client.post(PODS, json=document).raise_for_status()
            wait_until(asleep)
    finally:
        provider.delete("short")

    assert not (tmp_path / "short").exists()
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    assert processes.find_cluster(tmp_path / "short") == {}
    assert asleep() == []


def test_a_cluster_of_the_pool_and_a_copy_of_it_have_a_network(
    tmp_path: Path, connect: Callable[[Path], httpx.Client], wait_until: WaitUntil
) -> None:
    provider = EmbeddedProvider(tmp_path)
    spec = networked_spec("pooled", "a")
    container = {"name": "main", "image": "nginx"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}}

    def serves(client: httpx.Client) -> bool:
        return client.get(f"{PODS}/p:80/proxy/").is_success

    try:
        undressed = provider.create_undressed(spec)
        assert undressed.state is ClusterState.READY
        dressed = provider.dress(spec)
        assert [part for part in dressed.components if part.pid is None] == []
        assert dressed.state is ClusterState.READY
        with connect(dressed.kubeconfig) as client:
            client.post(PODS, json={**pod, "spec": {"containers": [container]}}).raise_for_status()
            wait_until(lambda: serves(client))
        copied = provider.copy("pooled", networked_spec("copied", "a"))
        with connect(copied.kubeconfig) as client:
            wait_until(lambda: serves(client), 120)
    finally:
        provider.delete("pooled")
        provider.delete("copied")
