"""What must not have changed: the platform's devices, and the objects that have to survive."""

from typing import Any

from graders import ClusterView, Variant
from graders.dra import record_inventory

START_SECONDS = 30


def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
    """Return identities and devices, once everything that can start has started."""
    deployment = cluster.get("Deployment", variant["chat"], variant["serving"])
    results = cluster.get("ConfigMap", "results", variant["nightly"])
    for pod in cluster.list("Pod", variant["nightly"]):
        _await_running(cluster, pod["metadata"]["name"], variant["nightly"])
    return {
        "inventory": record_inventory(cluster, "gpu.assay.dev", "gpu.assay.dev"),
        "chat": {"uid": deployment["metadata"]["uid"], "spec": deployment["spec"]},
        "results": {"uid": results["metadata"]["uid"], "data": results["data"]},
        "render": _render(cluster, variant["neighbour"]),
    }


def _render(cluster: ClusterView, namespace: str) -> dict[str, Any]:
    _await_running(cluster, "render", namespace)
    claim = cluster.get("ResourceClaim", "scratch-0", namespace)
    return {
        "pod": cluster.get("Pod", "render", namespace)["metadata"]["uid"],
        "claim": claim["metadata"]["uid"],
        "devices": claim["status"]["allocation"]["devices"]["results"],
    }


def _await_running(cluster: ClusterView, pod: str, namespace: str) -> None:
    cluster.wait_until(
        lambda: cluster.get("Pod", pod, namespace)["status"].get("phase") == "Running",
        START_SECONDS,
        f"The Pod {namespace}/{pod} does not start",
    )
