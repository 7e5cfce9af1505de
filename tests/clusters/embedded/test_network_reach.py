"""What the API server and the runner can be made to reach by a learner: nothing of the host."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from tests.clusters.embedded.attacks import cluster_port, host_addresses, make
from tests.clusters.embedded.pods import CORE, LACKING, PODS, WHY_NOT, networked_spec

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(LACKING), reason=WHY_NOT)]
NAME = "reaching"
SPEC = networked_spec(NAME, "only")
WaitUntil = Callable[..., None]
MERGE = {"Content-Type": "application/merge-patch+json"}
Visits = tuple[int, list[str]]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedProvider:
    return EmbeddedProvider(tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    yield provider.create(SPEC)
    provider.delete(NAME)


@pytest.fixture
def bystander() -> Iterator[Visits]:
    """A service of the host on all its addresses: its port, and who has connected to it."""
    visits: list[str] = []
    with socket.create_server(("0.0.0.0", 0)) as server:

        def watch() -> None:
            while True:
                try:
                    connection, where = server.accept()
                except OSError:
                    return
                visits.append(str(where))
                connection.close()

        watcher = threading.Thread(target=watch)
        watcher.start()
        yield server.getsockname()[1], visits
        server.shutdown(socket.SHUT_RDWR)
    watcher.join()


def test_the_api_server_reaches_no_service_of_the_host(
    learner: httpx.Client, bystander: Visits, wait_until: WaitUntil
) -> None:
    port, visits = bystander
    for position, address in enumerate(host_addresses()):
        name = f"way-{position}"
        hooks = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
        learner.post(hooks, json=webhook(name, f"https://{address}:{port}/")).raise_for_status()
        trigger = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "trigger"}}

        def refused(trigger: dict[str, Any] = trigger) -> bool:
            answer = learner.post(f"{CORE}/configmaps?dryRun=All", json=trigger)
            return "failed calling webhook" in answer.text

        wait_until(refused)
        learner.delete(f"{hooks}/{name}")

        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
        node |= {"status": {"addresses": [{"type": "InternalIP", "address": address}]}}
        learner.post("/api/v1/nodes", json=node).raise_for_status()
        for path in ("", "logs/", "containerLogs/default/x/main", "run/default/x/main?cmd=id"):
            learner.get(f"/api/v1/nodes/{name}:{port}/proxy/{path}")
            learner.get(f"/api/v1/nodes/https:{name}:{port}/proxy/{path}")
        kubelet = {"status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": port}}}}
        learner.patch(f"/api/v1/nodes/{name}/status", json=kubelet, headers=MERGE)
        learner.get(f"/api/v1/nodes/{name}/proxy/pods")
        learner.delete(f"/api/v1/nodes/{name}")

    assert visits == []


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
        "failurePolicy": "Fail",
        "sideEffects": "None",
        "timeoutSeconds": 2,
        "admissionReviewVersions": ["v1"],
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": name},
        "webhooks": [hook],
    }


def test_proxies_of_forged_pods_and_services_reach_no_service_of_the_host(
    learner: httpx.Client, bystander: Visits
) -> None:
    port, visits = bystander
    make(learner, "forged", "sleep", "60", nodeName="none-such")
    for address in host_addresses():
        forged = {"status": {"podIP": address, "podIPs": [{"ip": address}], "phase": "Running"}}
        learner.patch(f"{PODS}/forged/status", json=forged, headers=MERGE)
        learner.get(f"{PODS}/forged:{port}/proxy/")
        learner.get(f"{PODS}/https:forged:{port}/proxy/")

        service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "astray"}}
        service |= {"spec": {"ports": [{"port": 80, "targetPort": port}]}}
        learner.post(f"{CORE}/services", json=service).raise_for_status()
        endpoints = {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {"name": "astray", "labels": {"kubernetes.io/service-name": "astray"}},
            "addressType": "IPv4",
            "endpoints": [{"addresses": [address]}],
            "ports": [{"port": port}],
        }
        learner.post("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices", json=endpoints)
        learner.get(f"{CORE}/services/astray:80/proxy/", timeout=60)
        learner.delete(f"{CORE}/services/astray")
        learner.delete("/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/astray")
    learner.delete(f"{PODS}/forged", params={"gracePeriodSeconds": "0"})

    assert visits == []


def test_an_api_service_with_an_external_name_reaches_no_service_of_the_host(
    learner: httpx.Client, bystander: Visits, wait_until: WaitUntil
) -> None:
    port, visits = bystander
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "outside"}}
    spec = {"type": "ExternalName", "externalName": "localhost", "ports": [{"port": port}]}
    learner.post(f"{CORE}/services", json={**service, "spec": spec}).raise_for_status()
    group = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": "v1.outside.example"},
        "spec": {
            "group": "outside.example",
            "version": "v1",
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "insecureSkipTLSVerify": True,
            "service": {"namespace": "default", "name": "outside", "port": port},
        },
    }
    collection = "/apis/apiregistration.k8s.io/v1/apiservices"
    learner.post(collection, json=group).raise_for_status()

    def judged() -> bool:
        found = learner.get(f"{collection}/v1.outside.example").json()
        return bool(found.get("status", {}).get("conditions"))

    wait_until(judged)
    learner.get("/apis/outside.example/v1/things")
    learner.delete(f"{collection}/v1.outside.example")

    assert visits == []


def test_probes_and_hooks_reach_no_service_of_the_host_or_of_the_control_plane(
    cluster: Cluster, learner: httpx.Client, bystander: Visits, wait_until: WaitUntil
) -> None:
    port, visits = bystander
    inside = int(cluster_port(cluster))
    targets = [(address, port) for address in host_addresses()] + [("127.0.0.1", inside)]
    for position, (host, number) in enumerate(targets):
        probe = {"tcpSocket": {"host": host, "port": number}, "periodSeconds": 1}
        hook = {"httpGet": {"host": host, "port": number, "path": "/"}}
        make(
            learner,
            f"probing-{position}",
            "sleep",
            "60",
            container={"readinessProbe": probe, "lifecycle": {"preStop": hook}},
        )

    def unhealthy() -> set[str]:
        events = learner.get(f"{CORE}/events").json()["items"]
        return {e["involvedObject"]["name"] for e in events if e["reason"] == "Unhealthy"}

    names = {f"probing-{position}" for position in range(len(targets))}
    wait_until(lambda: unhealthy() >= names)
    for name in names:
        learner.delete(f"{PODS}/{name}")
    wait_until(lambda: all(learner.get(f"{PODS}/{name}").status_code == 404 for name in names))

    assert visits == []
