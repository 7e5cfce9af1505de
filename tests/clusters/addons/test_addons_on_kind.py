"""Add-ons on a cluster of containers: upstream's DRA driver as a DaemonSet, and kinds."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from clusters.addons import with_needs
from clusters.addons.sources import missing_sources
from clusters.binaries import binaries_present
from clusters.errors import InputInvalid
from clusters.provider import Cluster
from clusters.providers.embedded.addons import binaries_of
from clusters.providers.kind import KindProvider
from clusters.spec import ClusterSpec
from tests.clusters.addons.conftest import ONE_NODE, apply, client_of

pytestmark = [pytest.mark.cluster, pytest.mark.kind, pytest.mark.timeout(900)]
ADDONS = ("dra-example-driver", "inference-extension")
SPACE = "/api/v1/namespaces/default"
RESOURCES = "/apis/resource.k8s.io/v1"
WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def kind(assay_home: Path) -> KindProvider:
    return KindProvider(assay_home / "kind")


@pytest.fixture(scope="module")
def cluster(kind: KindProvider) -> Iterator[Cluster]:
    if problems := kind.preflight():
        pytest.skip(f"kind: {'; '.join(problems)}")
    chosen = with_needs(ADDONS)
    if lacking := binaries_present(binaries_of(chosen)):
        pytest.skip(f"not in the cache: `assay binaries fetch {' '.join(lacking)}`")
    if lacking := [package for addon in chosen for package in missing_sources(addon)]:
        pytest.skip(f"not in the cache: {', '.join(lacking)}; `assay cluster create --addon` does")
    name = f"t{secrets.token_hex(3)}"
    try:
        yield kind.create(ClusterSpec(name, ONE_NODE, addons=ADDONS))
    finally:
        kind.delete(name)


@pytest.fixture(scope="module")
def learner(cluster: Cluster) -> Iterator[httpx.Client]:
    with client_of(cluster.kubeconfig) as client:
        yield client


def test_it_runs_as_a_workload_of_the_cluster(cluster: Cluster, learner: httpx.Client) -> None:
    pods = learner.get("/api/v1/namespaces/dra-example-driver/pods").json()["items"]

    assert cluster.addons == ADDONS
    assert [pod["status"]["phase"] for pod in pods] == ["Running"]
    assert pods[0]["spec"]["nodeName"]
    assert learner.get("/apis/inference.networking.k8s.io/v1/inferencepools").is_success


def test_a_claimed_device_is_prepared_for_the_container(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    """The driver puts the device into the environment of the container, by CDI."""
    exactly = {"deviceClassName": "gpu.example.com", "count": 1}
    claim = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": "one"},
        "spec": {"devices": {"requests": [{"name": "gpu", "exactly": exactly}]}},
    }
    apply(learner, (f"{RESOURCES}/namespaces/default/resourceclaims", claim))
    apply(learner, (f"{SPACE}/pods", pod(image_of_a_node(learner))))
    path = f"{SPACE}/pods/claims"

    wait_until(lambda: learner.get(path).json()["status"]["phase"] == "Running", seconds=180.0)
    found = learner.get(f"{RESOURCES}/namespaces/default/resourceclaims/one").json()

    (result,) = found["status"]["allocation"]["devices"]["results"]
    assert result["driver"] == "gpu.example.com"


def image_of_a_node(client: httpx.Client) -> str:
    """Return an image that nodes have without asking anybody: that of pauses."""
    names: list[str] = [
        name
        for node in client.get("/api/v1/nodes").json()["items"]
        for image in node["status"]["images"]
        for name in image.get("names", [])
    ]
    return next(name for name in names if "pause" in name and "@" not in name)


def pod(image: str) -> dict[str, Any]:
    container = {
        "name": "main",
        "image": image,
        "imagePullPolicy": "Never",
        "resources": {"claims": [{"name": "gpu"}]},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "claims"},
        "spec": {
            "containers": [container],
            "resourceClaims": [{"name": "gpu", "resourceClaimName": "one"}],
        },
    }


def test_one_that_only_processes_of_the_host_can_be_is_refused(kind: KindProvider) -> None:
    with pytest.raises(InputInvalid, match="metrics-adapter does not run on kind"):
        kind.create(ClusterSpec("refused", ONE_NODE, addons=("metrics-adapter",)))

    assert "refused" not in {cluster.name for cluster in kind.list()}
