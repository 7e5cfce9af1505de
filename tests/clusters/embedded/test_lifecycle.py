"""Clusters come whole, survive, are repaired, and leave nothing."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from clusters.binaries import ensure_binaries
from clusters.errors import ClusterError
from clusters.inventory import parse_inventory
from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider, processes
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

SMALL = parse_inventory({"nodes": [{"name": "only"}]}, "small")
Connect = Callable[[Path], httpx.Client]


@pytest.fixture
def name(provider: EmbeddedProvider) -> Iterator[str]:
    """A name for a cluster of one test, deleted with it."""
    name = f"life-{secrets.token_hex(3)}"
    yield name
    provider.delete(name)


def port_of(cluster: Cluster) -> int:
    record = json.loads((cluster.kubeconfig.parent / "cluster.json").read_text())
    return int(record["port"])


def assert_nothing_is_left(root: Path, name: str) -> None:
    assert processes.find_cluster(root / name) == {}
    assert not (root / name).exists()


def assert_port_is_free(port: int) -> None:
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("127.0.0.1", port))
        server.listen()


def test_the_commands_of_the_readme_work_as_written(assay_home: Path, name: str) -> None:
    assay = Path(sys.executable).with_name("assay")
    kubectl = ensure_binaries(["kubectl"])["kubectl"]

    def run(*command: str | Path) -> str:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    made = json.loads(run(assay, "cluster", "create", "--name", name, "--json"))
    slices = run(kubectl, "--kubeconfig", made["kubeconfig"], "get", "resourceslices", "-o", "name")
    listed = json.loads(run(assay, "cluster", "list", "--json"))
    port = port_of(EmbeddedProvider().status(name))
    run(assay, "cluster", "delete", name)

    assert made["state"] == "ready"
    assert len(slices.splitlines()) == 2
    assert name in [one["name"] for one in listed]
    assert_nothing_is_left(assay_home / "clusters", name)
    assert_port_is_free(port)


# --- faults while it lives


def test_a_death_of_any_component_is_seen_and_repaired_with_the_same_data(
    provider: EmbeddedProvider, name: str, connect: Connect
) -> None:
    spec = ClusterSpec(name, SMALL)
    made = provider.create(spec)
    with connect(made.kubeconfig) as client:
        kept = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept"}}
        client.post("/api/v1/namespaces/default/configmaps", json=kept).raise_for_status()
        # What a learner does to nodes and Pods must not stand in the way of a repair.
        client.delete("/api/v1/nodes/only").raise_for_status()
        client.post("/api/v1/namespaces/default/resourcequotas", json=no_pods())

    for victim in [component.name for component in made.components]:
        before = {c.name: c for c in provider.status(name).components}
        os.kill(before[victim].pid or 0, signal.SIGKILL)
        wait_for_end(before[victim].pid)

        dead = provider.status(name)
        assert dead.state is ClusterState.DEGRADED
        assert [c.name for c in dead.components if c.pid is None] == [victim]

        repaired = provider.create(spec)
        assert repaired.state is ClusterState.READY
        assert (repaired.uid, port_of(repaired)) == (made.uid, port_of(made))
        untouched = {c.pid for c in before.values()} - {before[victim].pid}
        assert untouched <= {c.pid for c in repaired.components}
        with connect(made.kubeconfig) as client:
            found = client.get("/api/v1/namespaces/default/configmaps/kept")
            assert found.is_success, (victim, found.text)
            assert client.get("/api/v1/nodes").json()["items"] == []


def no_pods() -> dict[str, object]:
    quota = {"hard": {"pods": "0"}}
    return {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": quota,
    }


def wait_for_end(pid: int | None) -> None:
    process = psutil.Process(pid)
    deadline = time.monotonic() + 10
    while processes.alive(process):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_busy_port_at_repair_is_one_sentence_and_loses_nothing(
    provider: EmbeddedProvider, name: str
) -> None:
    spec = ClusterSpec(name, SMALL)
    made = provider.create(spec)
    gate = next(c.pid for c in made.components if c.name in ("door", "kube-apiserver"))
    os.kill(gate or 0, signal.SIGKILL)
    wait_for_end(gate)

    with socket.socket() as thief:
        thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        thief.bind(("127.0.0.1", port_of(made)))
        thief.listen()
        with pytest.raises(ClusterError, match=f"port {port_of(made)} .* in use by another"):
            provider.create(spec)
    assert provider.status(name).state is ClusterState.DEGRADED

    assert provider.create(spec).uid == made.uid


def test_processes_whose_folder_was_removed_by_hand_are_found_and_deleted(
    provider: EmbeddedProvider, name: str
) -> None:
    made = provider.create(ClusterSpec(name, SMALL))
    shutil.rmtree(made.kubeconfig.parent)

    assert provider.status(name).state is ClusterState.INCOMPLETE
    provider.delete(name)

    assert_nothing_is_left(made.kubeconfig.parents[1], name)
