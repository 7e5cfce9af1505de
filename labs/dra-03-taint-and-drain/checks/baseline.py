"""What must not have changed: the platform's devices, and who used the failing one.

Which objects have to survive is said by the safeguards in lab.yaml.
"""

from typing import Any

from graders import ClusterView, Variant
from graders.dra import pods_of, record_inventory, running_pod, running_pods_of

DRIVERS = ("gpu.assay.dev", "hgx.assay.dev", "oam.assay.dev", "sxm.assay.dev")
"""Each has a class of the same name."""


def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
    """Return devices and Pods, once everything that can start has started."""
    running_pod(cluster, "experiment", variant["research"])
    serving = variant["serving"]
    deployment = cluster.get("Deployment", variant["chat"], serving)
    running_pods_of(cluster, deployment, deployment["spec"]["replicas"])
    return {
        "inventories": {name: record_inventory(cluster, name, name) for name in DRIVERS},
        "chat": {
            pod["metadata"]["name"]: {
                "uid": pod["metadata"]["uid"],
                "device": _device_of(cluster, pod, serving),
            }
            for pod in pods_of(cluster, deployment)
        },
    }


def _device_of(cluster: ClusterView, pod: dict[str, Any], namespace: str) -> str:
    [status] = pod["status"]["resourceClaimStatuses"]
    claim = cluster.get("ResourceClaim", status["resourceClaimName"], namespace)
    [result] = claim["status"]["allocation"]["devices"]["results"]
    return f"{result['driver']}/{result['pool']}/{result['device']}"
