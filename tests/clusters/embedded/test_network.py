"""A cluster with a network: Pods are processes, and Services, names and ports lead to them."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from clusters.binaries import ensure_binaries
from clusters.capability import Capability
from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
from tests.clusters.embedded.pods import (
    LACKING,
    PODS,
    SERVICES,
    WHY_NOT,
    is_ready,
    log_of,
    look,
    make,
    networked_spec,
    phase,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(bool(LACKING), reason=WHY_NOT),
]
SPEC = networked_spec("networked", "a", "b")
WaitUntil = Callable[..., None]
ECHO = """
import http.server, os, signal, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = f"{os.environ['NAME']} {self.path}".encode()
        self.send_response(500 if os.path.exists("/tmp/broken") else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): print(*words, flush=True)
print("up", flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> EmbeddedProvider:
    return EmbeddedProvider(tmp_path_factory.mktemp("clusters"))


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider) -> Iterator[Cluster]:
    yield provider.create(SPEC)
    provider.delete("networked")


@pytest.fixture(scope="module", autouse=True)
def web(learner: httpx.Client, wait_until: WaitUntil) -> None:
    """Two Pods that say who they are, behind a Service."""
    name = {"name": "NAME", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    probe = {"httpGet": {"path": "/probe", "port": "http"}, "periodSeconds": 1}
    container: dict[str, Any] = {
        "command": ["python3", "-c", ECHO],
        "env": [name],
        "ports": [{"name": "http", "containerPort": 8080}],
        "readinessProbe": {**probe, "failureThreshold": 1},
    }
    for pod in ("web-0", "web-1"):
        make(learner, pod, "python:3.12-slim", labels={"app": "web"}, **container)
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]},
    }
    learner.post(SERVICES, json=service).raise_for_status()
    wait_until(lambda: all(is_ready(learner, pod) for pod in ("web-0", "web-1")), 120)


@pytest.fixture(scope="module")
def run(learner: httpx.Client, wait_until: WaitUntil) -> Callable[[str, str], str]:
    """Run a shell command in a Pod of its own, and return what it said."""

    def run(name: str, command: str) -> str:
        make(learner, name, command=["sh", "-c", command], pod={"restartPolicy": "Never"})
        wait_until(lambda: phase(learner, name) in ("Succeeded", "Failed"), 120)
        return log_of(learner, name)

    return run


# --- the network


def test_the_cluster_says_what_it_offers(cluster: Cluster, provider: EmbeddedProvider) -> None:
    assert cluster.state is ClusterState.READY
    assert Capability.NETWORKING in cluster.capabilities
    assert Capability.NETWORKING in provider.capabilities
    assert {"coredns", "kube-proxy", "podrunner"} <= {c.name for c in cluster.components}


def test_pods_have_addresses_of_their_nodes_and_may_all_use_the_same_port(
    learner: httpx.Client,
) -> None:
    for name in ("web-0", "web-1"):
        pod = look(learner, name)
        node = learner.get(f"/api/v1/nodes/{pod['spec']['nodeName']}").json()
        network = node["spec"]["podCIDR"].rpartition(".")[0]

        assert pod["status"]["podIP"].startswith(network)
        assert pod["status"]["hostIP"] == node["status"]["addresses"][0]["address"]
        assert learner.get(f"{PODS}/{name}:8080/proxy/x").text == f"{name} /x"


def test_a_service_is_found_by_name_and_balances(run: Callable[[str, str], str]) -> None:
    names = "web web.default web.default.svc.cluster.local"
    # A Pod that is ready gets its share once kube-proxy has heard of it, which may take a second.
    until_both = (
        "n=0; until [ -e /tmp/0 ] && [ -e /tmp/1 ] || [ $n = 300 ]; do n=$((n + 1)); "
        "touch /tmp/$(curl -s -m 5 http://web/ | cut -c5); sleep 0.1; done"
    )
    said = run(
        "asks-by-name",
        f"{until_both}; for name in {names}; do for i in 1 2 3 4 5 6 7 8; do "
        "curl -s -m 5 http://$name/ || echo failed $name; echo; done; done",
    )

    answers = said.split("\n")
    assert "failed" not in said
    assert {answer for answer in answers if answer} == {"web-0 /", "web-1 /"}


def test_the_service_proxy_of_the_api_server_balances(learner: httpx.Client) -> None:
    answers = {learner.get(f"{SERVICES}/web:80/proxy/y").text for _ in range(20)}

    assert answers == {"web-0 /y", "web-1 /y"}


def test_a_pod_reaches_the_api_server_with_its_own_account(run: Callable[[str, str], str]) -> None:
    place = "/var/run/secrets/kubernetes.io/serviceaccount"
    said = run(
        "asks-the-api",
        f'curl -s -m 10 --cacert {place}/ca.crt -H "Authorization: Bearer $(cat {place}/token)" '
        "https://kubernetes.default/api/v1/namespaces/default/secrets",
    )

    assert '"system:serviceaccount:default:default\\" cannot list' in said


def test_other_names_are_answered_at_once_and_nothing_else_is_reached(
    run: Callable[[str, str], str],
) -> None:
    said = run(
        "asks-outside",
        "time -p curl -s -m 20 http://example.com/; echo $?; "
        "for a in 10.0.2.2 1.1.1.1 169.254.169.254; do curl -s -m 2 http://$a/; echo $?; done",
    )

    codes = [line for line in said.splitlines() if line.isdigit()]
    assert codes[0] == "6"  # no such name
    assert "0" not in codes


def test_a_pod_that_is_not_ready_gets_no_traffic(
    cluster: Cluster, learner: httpx.Client, wait_until: WaitUntil
) -> None:
    make(
        learner,
        "web-2",
        "python",
        labels={"app": "web"},
        command=["sh", "-c", 'touch /tmp/broken; exec python3 -c "$CODE"'],
        env=[{"name": "CODE", "value": ECHO}, {"name": "NAME", "value": "web-2"}],
        ports=[{"name": "http", "containerPort": 8080}],
        readinessProbe={"httpGet": {"port": 8080}, "periodSeconds": 1},
    )
    wait_until(lambda: "up" in log_of(learner, "web-2"))
    wait_until(lambda: "500" in log_of(learner, "web-2"))

    assert not is_ready(learner, "web-2")
    assert phase(learner, "web-2") == "Running"
    assert "web-2" not in {
        learner.get(f"{SERVICES}/web:80/proxy/").text.split()[0] for _ in range(9)
    }
    learner.delete(f"{PODS}/web-2")


# --- what kubectl does


@pytest.fixture(scope="module")
def kubectl(cluster: Cluster) -> list[str]:
    program = ensure_binaries(["kubectl"])["kubectl"]
    return [str(program), f"--kubeconfig={cluster.kubeconfig}"]


@contextmanager
def forwarded(kubectl: list[str], to: str, port: int) -> Iterator[int]:
    """Forward a free port, and yield it."""
    command = [*kubectl, "port-forward", to, f":{port}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            found = re.search(r"127\.0\.0\.1:(\d+)", line)
            assert found, line
            yield int(found[1])
        finally:
            process.terminate()


def test_ports_are_forwarded_to_a_pod_and_to_a_service(kubectl: list[str]) -> None:
    with forwarded(kubectl, "pod/web-1", 8080) as port:
        answers = [httpx.get(f"http://127.0.0.1:{port}/{i}").text for i in range(5)]
    with forwarded(kubectl, "service/web", 80) as port:
        through = httpx.get(f"http://127.0.0.1:{port}/s").text

    assert answers == [f"web-1 /{i}" for i in range(5)]
    assert through in ("web-0 /s", "web-1 /s")


def test_much_is_forwarded_both_ways_and_whole(
    kubectl: list[str], learner: httpx.Client, wait_until: WaitUntil
) -> None:
    code = (
        "import socket\n"
        "s = socket.create_server(('127.0.0.1', 7)); print('up', flush=True)\n"
        "while True:\n"
        "    c, _ = s.accept()\n"
        "    while d := c.recv(65536): c.sendall(d)\n"
        "    c.close()\n"
    )
    make(learner, "echo", "python", command=["python3", "-c", code])
    wait_until(lambda: "up" in log_of(learner, "echo"))
    sent = bytes(range(256)) * 4096

    with forwarded(kubectl, "pod/echo", 7) as port:
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            received = b""
            for start in range(0, len(sent), 1 << 16):
                piece = sent[start : start + (1 << 16)]
                connection.sendall(piece)
                while len(received) < start + len(piece):
                    received += connection.recv(1 << 16)

    assert received == sent


def test_a_port_that_nobody_listens_at_is_told(kubectl: list[str]) -> None:
    with forwarded(kubectl, "pod/web-1", 81) as port:
        with pytest.raises(httpx.TransportError):
            httpx.get(f"http://127.0.0.1:{port}/")


def test_logs_can_be_followed_until_the_end(
    kubectl: list[str], learner: httpx.Client, wait_until: WaitUntil
) -> None:
    command = "for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done"
    make(learner, "talks", command=["sh", "-c", command], pod={"restartPolicy": "Never"})
    wait_until(lambda: phase(learner, "talks") != "Pending")

    done = subprocess.run(
        [*kubectl, "logs", "--follow", "talks"], capture_output=True, text=True, timeout=60
    )

    assert done.stdout.splitlines() == [f"line {i}" for i in range(1, 6)]
    assert log_of(learner, "talks", tailLines="1") == "line 5\n"


def test_commands_in_containers_are_refused_with_a_reason(kubectl: list[str]) -> None:
    done = subprocess.run([*kubectl, "exec", "web-0", "--", "id"], capture_output=True, text=True)

    assert done.returncode != 0
    assert "exec is not available" in done.stderr


def test_clusters_without_a_network_stay_as_light_as_they_are(tmp_path: Path) -> None:
    provider = EmbeddedProvider(tmp_path)
    made = provider.create(ClusterSpec("light", SPEC.inventory))
    try:
        names = {component.name for component in made.components}

        assert Capability.NETWORKING not in made.capabilities
        assert not {"coredns", "kube-proxy", "podrunner"} & names
        assert not (tmp_path / "light" / "podrunner.kubeconfig").exists()
    finally:
        provider.delete("light")
