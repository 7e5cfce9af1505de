"""Two nodes: what the inventory says is on them, they reach each other, and they come back."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from clusters.provider import Cluster, ClusterState
from clusters.providers.kind import KindProvider, docker
from clusters.providers.kind.docker import Container
from clusters.providers.kind.layout import kind_name
from clusters.spec import ClusterSpec

pytestmark = [pytest.mark.kind, pytest.mark.timeout(900)]

NODES = "/api/v1/nodes"


def addresses(cluster: Cluster) -> dict[str, str]:
    """Return the address of each node's container, by its name."""
    shown = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return {
        node.name: docker.docker("inspect", "--format", shown, node.id).strip()
        for node in containers(cluster)
    }


def containers(cluster: Cluster) -> list[Container]:
    return docker.containers(kind_name(cluster.kubeconfig.parent))


def test_nodes_are_called_and_labelled_as_the_inventory_says(learner: httpx.Client) -> None:
    nodes = {n["metadata"]["name"]: n for n in learner.get(NODES).json()["items"]}

    assert set(nodes) == {"first", "other"}
    assert nodes["first"]["metadata"]["labels"]["zone"] == "a"
    assert "zone" not in nodes["other"]["metadata"]["labels"]
    assert not any(node["spec"].get("taints") for node in nodes.values())


def test_logs_of_every_part_of_every_node_are_collected(
    kind: KindProvider, cluster: Cluster, tmp_path: Path
) -> None:
    files = {path.name: path for path in kind.collect_logs(cluster.name, tmp_path)}

    for name in ("kind.log", "first.kube-apiserver.log", "first.etcd.log", "other.kubelet.log"):
        assert files[name].stat().st_size > 0, name
    assert "other.kube-apiserver.log" not in files
    assert not any("PRIVATE KEY" in path.read_text(errors="replace") for path in files.values())


def ask_across(run_pod: Callable[..., str], learner: httpx.Client, name: str) -> str:
    """Serve a page on one node, and ask for it from the other by address and by name."""
    pods = "/api/v1/namespaces/default/pods"
    serve = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": f"{name}-web", "labels": {"app": name}},
        "spec": {
            "nodeName": "first",
            "containers": [
                {
                    "name": "main",
                    "image": "docker.io/assay/busybox:1",
                    "command": ["sh", "-c", "cd /tmp; echo hello > index.html; httpd -f -p 80"],
                }
            ],
        },
    }
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"selector": {"app": name}, "ports": [{"port": 80}]},
    }
    learner.post(pods, json=serve).raise_for_status()
    learner.post("/api/v1/namespaces/default/services", json=service).raise_for_status()
    script = (
        f"for i in $(seq 60); do curl -s --max-time 3 http://{name} && exit; sleep 1; done; "
        "cat /etc/resolv.conf"
    )
    return run_pod(f"{name}-asks", script, nodeName="other")


def test_pods_reach_services_on_the_other_node(
    run_pod: Callable[..., str], learner: httpx.Client
) -> None:
    assert ask_across(run_pod, learner, "before") == "hello\n"


def test_nodes_come_back_with_each_others_addresses(
    kind: KindProvider,
    cluster: Cluster,
    spec: ClusterSpec,
    run_pod: Callable[..., str],
    learner: httpx.Client,
) -> None:
    """Docker gives addresses in the order in which containers start."""
    before = addresses(cluster)
    nodes = containers(cluster)
    subprocess.run(["docker", "kill", *(node.id for node in nodes)], check=True)
    assert kind.status(cluster.name).state is ClusterState.DEGRADED
    for node in sorted(nodes, key=lambda node: before[node.name], reverse=True):
        docker.docker("start", node.id)
    assert addresses(cluster) != before

    again = kind.create(spec)

    assert again.state is ClusterState.READY
    assert again.uid == cluster.uid
    assert ask_across(run_pod, learner, "after") == "hello\n"
