"""The metrics adapter on a real cluster; and what is true of every add-on that is a process."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider
from tests.clusters.addons.conftest import (
    apply,
    cluster_with,
    pid_of,
    processes_below,
    run_inside,
    spec_of,
)

pytestmark = pytest.mark.cluster
NAME = "metrics-adapter"
SPACE = "/api/v1/namespaces/default"
CONFIG = "/api/v1/namespaces/metrics-adapter/configmaps/metrics"
MERGE = {"Content-Type": "application/merge-patch+json"}
WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    with cluster_with(provider, NAME) as cluster:
        yield cluster


def set_metric(client: httpx.Client, name: str, text: str) -> None:
    answer = client.patch(CONFIG, json={"data": {name: text}}, headers=MERGE)
    assert answer.is_success, answer.text


def test_the_addon_is_a_component_with_a_log_and_an_account_of_its_own(
    provider: EmbeddedProvider, cluster: Cluster, tmp_path: Path
) -> None:
    assert cluster.state is ClusterState.READY
    assert NAME in {component.name for component in cluster.components}
    assert f"{NAME}.log" in {path.name for path in provider.collect_logs(cluster.name, tmp_path)}
    process = psutil.Process(pid_of(cluster, NAME))
    assert process.nice() >= 5
    assert process.rlimit(psutil.RLIMIT_DATA)[1] < 1 << 30
    kubeconfig = cluster.kubeconfig.parent / "addons" / NAME / "kubeconfig"
    assert kubeconfig.stat().st_mode & 0o077 == 0


def test_an_autoscaler_follows_a_metric_out_and_back(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    labels = {"app": "chat"}
    container = {"name": "chat", "image": "registry.example/none"}
    apply(
        learner,
        (
            "/apis/apps/v1/namespaces/default/deployments",
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": "chat"},
                "spec": {
                    "replicas": 1,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [container]},
                    },
                },
            },
        ),
        ("/apis/autoscaling/v2/namespaces/default/horizontalpodautoscalers", autoscaler()),
    )
    deployment = "/apis/apps/v1/namespaces/default/deployments/chat"

    def replicas() -> int:
        return int(learner.get(deployment).json()["status"].get("readyReplicas", 0))

    set_metric(learner, "queue_depth", "40")
    wait_until(lambda: replicas() == 4)
    set_metric(learner, "queue_depth", "4.5")
    wait_until(lambda: replicas() == 1)


def autoscaler() -> dict[str, Any]:
    target = {"type": "Value", "value": "10"}
    window = {"stabilizationWindowSeconds": 0}
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "chat"},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "chat"},
            "maxReplicas": 4,
            "behavior": {"scaleDown": window, "scaleUp": window},
            "metrics": [
                {
                    "type": "External",
                    "external": {"metric": {"name": "queue_depth"}, "target": target},
                }
            ],
        },
    }


def test_a_number_is_the_value_of_each_pod(learner: httpx.Client, wait_until: WaitUntil) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "counted", "labels": {"role": "counted"}},
        "spec": {"containers": [{"name": "main", "image": "registry.example/none"}]},
    }
    apply(learner, (f"{SPACE}/pods", pod))
    set_metric(learner, "busy", "1.5")
    path = "/apis/custom.metrics.k8s.io/v1beta2/namespaces/default/pods/*/busy"

    found = learner.get(path, params={"labelSelector": "role=counted"}).json()["items"]

    assert [(one["describedObject"]["name"], one["value"]) for one in found] == [
        ("counted", "1500m")
    ]


def test_an_unknown_metric_is_not_found(learner: httpx.Client) -> None:
    external = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default"

    answer = learner.get(f"{external}/nothing")

    assert answer.status_code == 404
    assert "has no nothing" in answer.json()["message"]


def test_nobody_but_the_api_server_is_answered(cluster: Cluster, wait_until: WaitUntil) -> None:
    code = (
        "import http.client, ssl; c = http.client.HTTPSConnection('10.97.0.1', 9444, timeout=5, "
        "context=ssl._create_unverified_context()); c.request('GET', "
        "'/apis/external.metrics.k8s.io/v1beta1'); print(c.getresponse().status)"
    )

    asked = run_inside(cluster, "python3", "-I", "-c", code)

    assert asked.returncode != 0
    assert asked.stdout == ""
    # What the client reads is a race; why it was turned away stands in the log.
    log = cluster.kubeconfig.parent / "logs" / f"{NAME}.log"
    wait_until(lambda: "PEER_DID_NOT_RETURN_A_CERTIFICATE" in log.read_text(encoding="utf-8"))


def test_nothing_of_it_listens_on_the_host(cluster: Cluster) -> None:
    networks = {Path(f"/proc/{c.pid}/ns/net").readlink() for c in cluster.components}
    assert len(networks) == 1
    assert Path("/proc/self/ns/net").readlink() not in networks


def test_no_secret_of_it_stands_in_a_command_line(cluster: Cluster) -> None:
    token = (cluster.kubeconfig.parent / "addons" / NAME / "token").read_text()
    for process in processes_below(cluster.kubeconfig.parent):
        shown = " ".join(process.cmdline()) + str(process.environ())
        assert token not in shown


# --- the API server may dial now, and the walls decide whom


@pytest.fixture
def bystander() -> Iterator[tuple[int, threading.Event]]:
    """Another service of the host: its port, and whether anybody connected to it."""
    visited = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def watch() -> None:
            try:
                server.accept()[0].close()
            except OSError:
                return
            visited.set()

        watcher = threading.Thread(target=watch)
        watcher.start()
        yield server.getsockname()[1], visited
        server.shutdown(socket.SHUT_RDWR)
    watcher.join()


def test_the_api_server_still_reaches_nothing_of_the_host(
    learner: httpx.Client, bystander: tuple[int, threading.Event], wait_until: WaitUntil
) -> None:
    port, visited = bystander
    hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
    addresses = ["127.0.0.1", *host_addresses()]
    for place, address in enumerate(addresses):
        apply(learner, (hooks, webhook(f"outward-{place}", f"https://{address}:{port}/")))

    def was_tried(place: int) -> bool:
        metadata = {"name": "trigger", "labels": {"hook": f"outward-{place}"}}
        trigger = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}
        told = learner.post(f"{SPACE}/configmaps?dryRun=All", json=trigger).text
        return "refused" in told or "unreachable" in told

    for place, _ in enumerate(addresses):
        wait_until(partial(was_tried, place))
    learner.get(f"/api/v1/nodes/127.0.0.1:{port}/proxy/")

    assert not visited.is_set()


def host_addresses() -> list[str]:
    """Return the addresses of this host, besides loopback."""
    return [
        one.address
        for name, addresses in psutil.net_if_addrs().items()
        for one in addresses
        if one.family == socket.AF_INET and name != "lo"
    ]


def webhook(name: str, url: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["configmaps"],
    }
    hook = {
        "name": f"{name}.example.com",
        "clientConfig": {"url": url},
        "rules": [rule],
        "objectSelector": {"matchLabels": {"hook": name}},
        "sideEffects": "None",
        "admissionReviewVersions": ["v1"],
        "timeoutSeconds": 3,
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }


# --- faults


def test_one_that_was_killed_is_started_again_and_works(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    set_metric(learner, "after_a_kill", "7")
    before = pid_of(cluster, NAME)
    os.kill(before, signal.SIGKILL)
    wait_until(lambda: provider.status(cluster.name).state is ClusterState.DEGRADED)

    mended = provider.create(spec_of(cluster, NAME))

    assert mended.state is ClusterState.READY
    assert pid_of(mended, NAME) != before
    path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/after_a_kill"
    wait_until(lambda: learner.get(path).is_success)
    assert learner.get(path).json()["items"][0]["value"] == "7"


def test_it_works_in_a_cluster_that_was_frozen_and_taken_back(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    set_metric(learner, "remembered", "3")
    provider.snapshots.take(cluster.name, "before")
    set_metric(learner, "remembered", "4")

    provider.freezer.freeze(cluster.name)
    assert psutil.Process(pid_of(provider.status(cluster.name), NAME)).status() == "stopped"
    provider.freezer.thaw(cluster.name)
    provider.snapshots.restore(cluster.name, "before")

    assert provider.status(cluster.name).state is ClusterState.READY
    path = "/apis/external.metrics.k8s.io/v1beta1/namespaces/default/remembered"
    wait_until(lambda: learner.get(path).is_success)
    assert learner.get(path).json()["items"][0]["value"] == "3"


def test_what_the_owner_took_away_stays_away_and_the_cluster_is_repaired_all_the_same(
    provider: EmbeddedProvider, cluster: Cluster, learner: httpx.Client
) -> None:
    service = "/api/v1/namespaces/metrics-adapter/services/metrics-adapter"
    role = "/apis/rbac.authorization.k8s.io/v1/clusterroles/metrics-adapter"
    account = "/api/v1/namespaces/metrics-adapter/serviceaccounts/metrics-adapter"
    for path in (service, role, account):
        assert learner.delete(path).is_success
    found = provider.status(cluster.name)
    for name in (NAME, "kube-scheduler"):
        os.kill(pid_of(found, name), signal.SIGKILL)

    mended = provider.create(spec_of(cluster, NAME))

    assert mended.state is ClusterState.READY
    assert [learner.get(path).status_code for path in (service, role)] == [404, 404]


def test_nothing_is_left_once_it_is_deleted(provider: EmbeddedProvider) -> None:
    with cluster_with(provider, NAME) as made:
        folder = made.kubeconfig.parent
        assert processes_below(folder)

    assert processes_below(folder) == []
    assert not folder.exists()
