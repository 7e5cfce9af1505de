"""Upstream's DRA driver beside a cluster of the pool; and add-ons that are only kinds."""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
from tests.clusters.addons.conftest import (
    ONE_NODE,
    apply,
    pid_of,
    processes_below,
    skip_unless_cached,
)

pytestmark = pytest.mark.cluster
ADDONS = ("dra-example-driver", "inference-extension", "gateway-api")
COMPONENT = "dra-example-driver-only"
RESOURCES = "/apis/resource.k8s.io/v1"
SPACE = "/api/v1/namespaces/default"
WaitUntil = Callable[[Callable[[], object]], None]


@pytest.fixture(scope="module")
def spec() -> ClusterSpec:
    return ClusterSpec(f"test-{secrets.token_hex(3)}", ONE_NODE, addons=ADDONS)


@pytest.fixture(scope="module")
def cluster(provider: EmbeddedProvider, spec: ClusterSpec) -> Iterator[Cluster]:
    skip_unless_cached(*ADDONS)
    try:
        waiting = provider.create_undressed(spec)
        assert waiting.addons == ADDONS
        assert COMPONENT not in {component.name for component in waiting.components}
        yield provider.dress(spec)
    finally:
        provider.delete(spec.name)


def slices_of(client: httpx.Client, driver: str) -> list[dict[str, Any]]:
    found = client.get(f"{RESOURCES}/resourceslices").json()["items"]
    return [one for one in found if one["spec"]["driver"] == driver]


def test_the_driver_publishes_the_devices_of_each_node(
    cluster: Cluster, learner: httpx.Client
) -> None:
    (found,) = slices_of(learner, "gpu.example.com")

    assert cluster.state is ClusterState.READY
    assert found["spec"]["nodeName"] == "only"
    assert len(found["spec"]["devices"]) == 8
    assert slices_of(learner, "gpu.assay.dev")


def test_claims_of_its_devices_are_allocated_until_none_is_left(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    for name, count in (("most", 8), ("one-more", 1)):
        apply(learner, (f"{RESOURCES}/namespaces/default/resourceclaims", claim(name, count)))
        apply(learner, (f"{SPACE}/pods", pod(name)))
        if name == "most":
            wait_until(lambda: phase(learner, "most") == "Running")

    def refused() -> bool:
        status = learner.get(f"{SPACE}/pods/one-more").json()["status"]
        return any("cannot allocate" in c.get("message", "") for c in status.get("conditions", []))

    wait_until(refused)


def phase(client: httpx.Client, name: str) -> str:
    return str(client.get(f"{SPACE}/pods/{name}").json()["status"]["phase"])


def claim(name: str, count: int) -> dict[str, Any]:
    exactly = {"deviceClassName": "gpu.example.com", "count": count}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}},
    }


def pod(name: str) -> dict[str, Any]:
    container = {"name": "main", "image": "registry.example/none"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "containers": [container | {"resources": {"claims": [{"name": "gpu"}]}}],
            "resourceClaims": [{"name": "gpu", "resourceClaimName": name}],
        },
    }


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize(
    "collection",
    [
        "/apis/inference.networking.k8s.io/v1/inferencepools",
        "/apis/gateway.networking.k8s.io/v1/httproutes",
    ],
)
def test_the_kinds_of_other_addons_are_served(learner: httpx.Client, collection: str) -> None:
    assert learner.get(collection).json()["items"] == []


def test_one_that_was_killed_publishes_again(
    provider: EmbeddedProvider,
    spec: ClusterSpec,
    cluster: Cluster,
    learner: httpx.Client,
    wait_until: WaitUntil,
) -> None:
    os.kill(pid_of(cluster, COMPONENT), signal.SIGKILL)
    wait_until(lambda: provider.status(spec.name).state is ClusterState.DEGRADED)
    for found in slices_of(learner, "gpu.example.com"):
        learner.delete(f"{RESOURCES}/resourceslices/{found['metadata']['name']}")

    mended = provider.create(spec)

    assert mended.state is ClusterState.READY
    wait_until(lambda: slices_of(learner, "gpu.example.com"))


def test_nothing_is_left_once_it_is_deleted(provider: EmbeddedProvider, cluster: Cluster) -> None:
    folder = cluster.kubeconfig.parent
    assert processes_below(folder)

    provider.delete(cluster.name)

    assert processes_below(folder) == []
    assert not folder.exists()
