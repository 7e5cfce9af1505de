"""A running cluster: what it is and that its scheduling is real."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider

pytestmark = pytest.mark.cluster

PODS = "/api/v1/namespaces/default/pods"
DRA = "/apis/resource.k8s.io/v1"
WaitUntil = Callable[[Callable[[], object]], None]


def pod(name: str, claim: str | None = None) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "main", "image": "registry.example/none"}
    spec: dict[str, Any] = {"containers": [container]}
    if claim:
        container["resources"] = {"claims": [{"name": "gpu"}]}
        spec["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": claim}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def template(name: str, count: int) -> dict[str, Any]:
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.assay.dev", "count": count}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": {"spec": {"devices": {"requests": [request]}}},
    }


# --- what it is


def test_it_is_found_ready_with_all_its_components(
    provider: EmbeddedProvider, cluster: Cluster
) -> None:
    found = provider.status(cluster.name)

    assert found.state is ClusterState.READY
    assert [component.name for component in found.components] == [
        "door",
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kwok",
    ]
    assert all(component.pid and component.memory > 2**20 for component in found.components)
    assert cluster.name in [one.name for one in provider.list()]


def test_nodes_are_ready_and_devices_are_published(learner: httpx.Client) -> None:
    nodes = learner.get("/api/v1/nodes").json()["items"]
    slices = learner.get(f"{DRA}/resourceslices").json()["items"]

    assert [node["metadata"]["name"] for node in nodes] == ["gpu-node-0", "gpu-node-1"]
    assert [node["spec"].get("taints") for node in nodes] == [None, None]
    devices = [device for one in slices for device in one["spec"]["devices"]]
    assert len({device["attributes"]["uuid"]["string"] for device in devices}) == 16
    assert learner.get(f"{DRA}/deviceclasses/gpu.assay.dev").is_success


def test_the_whole_dra_api_is_served(learner: httpx.Client) -> None:
    names = {resource["name"] for resource in learner.get(DRA).json()["resources"]}

    assert {"resourceclaims", "resourceslices", "deviceclasses", "devicetaintrules"} <= names


# --- scheduling is real


def test_a_job_completes_and_a_deleted_pod_goes_away(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    spec = pod("")["spec"] | {"restartPolicy": "Never"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "once"},
        "spec": {"template": {"spec": spec}},
    }
    learner.post("/apis/batch/v1/namespaces/default/jobs", json=job).raise_for_status()
    learner.post(PODS, json=pod("short-lived")).raise_for_status()

    wait_until(
        lambda: (
            learner.get("/apis/batch/v1/namespaces/default/jobs/once")
            .json()["status"]
            .get("succeeded")
        )
    )
    learner.delete(f"{PODS}/short-lived")
    wait_until(lambda: learner.get(f"{PODS}/short-lived").status_code == 404)


def test_logs_of_every_component_are_collected(
    provider: EmbeddedProvider, cluster: Cluster, tmp_path: Path
) -> None:
    files = provider.collect_logs(cluster.name, tmp_path / "logs")

    assert [path.stem for path in files] == sorted(c.name for c in cluster.components)
    assert not any("PRIVATE KEY" in path.read_text() for path in files)
