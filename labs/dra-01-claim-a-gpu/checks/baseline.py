"""What must not have changed: the platform's devices, and what work that has to go on uses.

Which objects have to survive is said by the safeguards in lab.yaml.
"""

from typing import Any

from graders import ClusterView, Variant
from graders.dra import record_inventory

START_SECONDS = 30


def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
    """Return identities and devices, once everything that can start has started."""
    deployment = cluster.get("Deployment", variant["chat"], variant["serving"])
    for pod in cluster.list("Pod", variant["nightly"]):
        _await_running(cluster, pod["metadata"]["name"], variant["nightly"])
    return {
        "inventory": record_inventory(cluster, "gpu.assay.dev", "gpu.assay.dev"),
        "chat": deployment["spec"],
        "render": _render(cluster, variant["neighbour"]),
    }


def _render(cluster: ClusterView, namespace: str) -> list[dict[str, Any]]:
    """Return the devices of the neighbour."""
    _await_running(cluster, "render", namespace)
    claim = cluster.get("ResourceClaim", "scratch-0", namespace)
    devices: list[dict[str, Any]] = claim["status"]["allocation"]["devices"]["results"]
    return devices


def _await_running(cluster: ClusterView, pod: str, namespace: str) -> None:
    cluster.wait_until(
        lambda: cluster.get("Pod", pod, namespace)["status"].get("phase") == "Running",
        START_SECONDS,
        f"The Pod {namespace}/{pod} does not start",
    )
