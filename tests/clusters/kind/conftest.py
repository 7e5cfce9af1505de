"""A kind cluster of two nodes, shared by the tests here, and clients of it."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clusters.inventory import parse_inventory
from clusters.provider import Cluster
from clusters.providers.kind import KindProvider
from clusters.spec import ClusterSpec
from tests.clusters.embedded.conftest import client_of

FIRST = {"name": "first", "labels": {"zone": "a"}}
TWO = parse_inventory({"nodes": [FIRST, {"name": "other"}]}, "test")


@pytest.fixture(scope="session")
def kind(assay_home: Path) -> Iterator[KindProvider]:
    """The provider; skipped with its own reason where this host cannot run it."""
    provider = KindProvider()
    if problems := provider.preflight():
        pytest.skip("; ".join(problems))
    yield provider
    for cluster in provider.list():
        provider.delete(cluster.name)


@pytest.fixture(scope="session")
def spec() -> ClusterSpec:
    return ClusterSpec(f"two-{secrets.token_hex(3)}", TWO)


@pytest.fixture(scope="session")
def cluster(kind: KindProvider, spec: ClusterSpec) -> Cluster:
    return kind.create(spec)


@pytest.fixture(scope="session")
def learner(cluster: Cluster) -> Iterator[httpx.Client]:
    with client_of(cluster.kubeconfig) as client:
        yield client


@pytest.fixture(scope="session")
def wait_until() -> Callable[..., None]:
    """Ask until the answer is true; fail when that takes too long."""

    def wait(holds: Callable[[], object], seconds: float = 180.0) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < deadline, f"not true after {seconds} s"
            time.sleep(0.1)

    return wait


@pytest.fixture(scope="session")
def run_pod(learner: httpx.Client, wait_until: Callable[..., None]) -> Callable[..., str]:
    """Run a shell script in a Pod until it has ended, and return what it printed."""

    def run(name: str, script: str, **spec: Any) -> str:
        container = {
            "name": "main",
            "image": "docker.io/assay/busybox:1",
            "command": ["sh", "-c", script],
            **spec.pop("container", {}),
        }
        body = {"containers": [container], "restartPolicy": "Never", **spec}
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": body}
        pods = "/api/v1/namespaces/default/pods"
        learner.post(pods, json=pod).raise_for_status()
        over = ("Succeeded", "Failed")
        wait_until(lambda: learner.get(f"{pods}/{name}").json()["status"].get("phase") in over)
        return learner.get(f"{pods}/{name}/log").text

    return run
