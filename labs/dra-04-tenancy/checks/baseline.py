"""What must not have changed: the platform's devices and its class for the precious ones.

Which objects have to survive is said by the safeguards in lab.yaml.
"""

from typing import Any

from graders import ClusterView, Variant
from graders.dra import record_inventory, running_pod


def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
    """Return the devices, once the training run has its own."""
    running_pod(cluster, "train", variant["blue"])
    return {"inventory": record_inventory(cluster, "gpu.assay.dev", "gpu.assay.dev")}
