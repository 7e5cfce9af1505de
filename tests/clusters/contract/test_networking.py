"""What `networking` means, asked of every provider that offers it: addresses, Services, names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from clusters.binaries import ensure_binaries
from clusters.capability import Capability
from clusters.provider import Cluster

pytestmark = pytest.mark.cluster

PODS = "/api/v1/namespaces/default/pods"
SERVICES = "/api/v1/namespaces/default/services"
SERVE = 'cd /tmp && echo "$HOSTNAME" > index.html && httpd -f -p 80'
Connect = Callable[[Path], httpx.Client]


@pytest.fixture(scope="module")
def networked(subject: Any, made: Any) -> Cluster:
    """A cluster that offers networking: the one that others use, or one that was asked for it."""
    if Capability.NETWORKING in made.cluster.capabilities:
        return made.cluster  # type: ignore[no-any-return]
    if Capability.NETWORKING not in subject.provider.capabilities:
        pytest.skip(f"{subject.provider.name} does not offer networking on this host")
    spec = replace(
        subject.spec(subject.new_name()), capabilities=frozenset({Capability.NETWORKING})
    )
    cluster: Cluster = subject.provider.create(spec)
    assert Capability.NETWORKING in cluster.capabilities
    return cluster


@pytest.fixture(scope="module")
def client(networked: Cluster, connect: Connect) -> Iterator[httpx.Client]:
    with connect(networked.kubeconfig) as client:
        yield client


@pytest.fixture(scope="module")
def tools(client: httpx.Client, wait_until: Callable[..., None]) -> str:
    """An image with a shell, a server and a client, as a node tells of it."""

    def images() -> list[str]:
        nodes = client.get("/api/v1/nodes").json()["items"]
        listed = [image for node in nodes for image in node["status"].get("images", ())]
        return [name for image in listed for name in image.get("names", ())]

    wait_until(images)
    found = [name for name in images() if "busybox:" in name]
    if not found:
        pytest.skip("no node has an image with a server and a client (busybox)")
    return found[0]


def shell(name: str, image: str, script: str, **spec: Any) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": image}
    container["command"] = ["sh", "-c", script]
    probe = {"tcpSocket": {"port": 80}, "periodSeconds": 1}
    if "restartPolicy" not in spec:
        container["readinessProbe"] = probe
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": name.rpartition("-")[0]}},
        "spec": {"containers": [container], "terminationGracePeriodSeconds": 0, **spec},
    }


@pytest.fixture(scope="module")
def served(client: httpx.Client, tools: str, wait_until: Callable[..., None]) -> set[str]:
    """Two Pods that say their names, behind a Service."""
    names = {"net-0", "net-1"}
    for name in names:
        client.post(PODS, json=shell(name, tools, SERVE)).raise_for_status()
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "net"},
        "spec": {"selector": {"app": "net"}, "ports": [{"port": 8080, "targetPort": 80}]},
    }
    client.post(SERVICES, json=service).raise_for_status()

    def ready(name: str) -> bool:
        conditions = client.get(f"{PODS}/{name}").json()["status"].get("conditions", [])
        return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)

    wait_until(lambda: all(map(ready, names)), 180)
    return names


def test_pods_answer_at_addresses_of_their_own(client: httpx.Client, served: set[str]) -> None:
    addresses = {client.get(f"{PODS}/{name}").json()["status"]["podIP"] for name in served}

    assert len(addresses) == len(served)
    for name in served:
        assert client.get(f"{PODS}/{name}:80/proxy/").text == f"{name}\n"


def test_a_pod_finds_a_service_by_name_and_the_service_balances(
    client: httpx.Client, served: set[str], tools: str, wait_until: Callable[..., None]
) -> None:
    # A Pod is ready a moment before every node's rules know it, so the Pod goes on asking.
    ask = "wget -qO- -T 5 http://net.default.svc.cluster.local:8080 2>/dev/null"
    pod = shell("asks-net", tools, f"while :; do {ask}; sleep 0.1; done", restartPolicy="Never")
    client.post(PODS, json=pod).raise_for_status()

    def answers() -> set[str]:
        log = client.get(f"{PODS}/asks-net/log")
        return set(log.text.split()) if log.is_success else set()

    wait_until(lambda: answers() == served, 180)


def test_the_proxy_of_a_service_leads_to_all_pods(client: httpx.Client, served: set[str]) -> None:
    answers = {client.get(f"{SERVICES}/net:8080/proxy/").text.strip() for _ in range(20)}

    assert answers == served


def test_a_port_can_be_forwarded(networked: Cluster, served: set[str]) -> None:
    kubectl = ensure_binaries(["kubectl"])["kubectl"]
    command = [str(kubectl), f"--kubeconfig={networked.kubeconfig}", "port-forward"]
    with subprocess.Popen(
        [*command, "pod/net-1", ":80"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            port = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert port, line
            assert httpx.get(f"http://127.0.0.1:{port[1]}/").text == "net-1\n"
        finally:
            process.terminate()
