"""Task: release what nobody needs any more."""

from collections.abc import Iterator, Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect

SETTLE_SECONDS = 3
MAKERS = ("Deployment", "ReplicaSet", "StatefulSet", "Job")
"""Kinds that make Pods as long as they want some."""


@check("release-devices")
def test_the_nightly_job_holds_nothing_and_its_neighbour_everything(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    _expect_neighbour(cluster, variant["neighbour"], baseline["render"])
    namespace = variant["nightly"]

    cluster.wait_until(
        lambda: not list(_holders(cluster, namespace)),
        SETTLE_SECONDS,
        f"In namespace {namespace} devices are still held or will be again",
        expected="no Pod that claims devices, nothing that makes one, no ResourceClaim",
        found=lambda: ", ".join(_holders(cluster, namespace)),
        hint=f"kubectl get all,resourceclaims --namespace {namespace}: who made whom?",
    )


def _expect_neighbour(cluster: ClusterView, namespace: str, devices: list[Any]) -> None:
    claim = cluster.get("ResourceClaim", "scratch-0", namespace)
    found = (claim.get("status") or {}).get("allocation", {}).get("devices", {}).get("results")
    expect(
        found == devices,
        f"The devices of ResourceClaim {namespace}/scratch-0 are not those that were there",
        expected=str(devices),
        found=str(found),
        hint="The neighbour's work was not yours to touch; a new attempt starts afresh.",
    )


def _holders(cluster: ClusterView, namespace: str) -> Iterator[str]:
    for claim in cluster.list("ResourceClaim", namespace):
        yield f"ResourceClaim {claim['metadata']['name']}"
    for pod in cluster.list("Pod", namespace):
        if pod["spec"].get("resourceClaims"):
            yield f"Pod {pod['metadata']['name']}"
    for kind in MAKERS:
        for maker in cluster.list(kind, namespace):
            spec = maker["spec"]
            wants = spec.get("replicas", spec.get("parallelism", 1))
            if wants and spec["template"]["spec"].get("resourceClaims"):
                yield f"{kind} {maker['metadata']['name']}"
