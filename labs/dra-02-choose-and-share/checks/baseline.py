"""What must not have changed: the platform's devices and classes, and what the old chart wants.

Which objects have to survive is said by the safeguards in lab.yaml.
"""

from typing import Any

from graders import ClusterView, Variant
from graders.dra import record_inventory, running_pod

DRIVERS = ("gpu.assay.dev", "part.assay.dev", "share.assay.dev")
"""Each has a class of the same name."""


def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
    """Return devices and specs, once the neighbour has its part of a card."""
    running_pod(cluster, "render", variant["neighbour"])
    return {
        "inventories": {name: record_inventory(cluster, name, name) for name in DRIVERS},
        "ensemble": cluster.get("Deployment", variant["ensemble"], variant["serving"])["spec"],
        "legacy": cluster.get("Deployment", variant["legacy"], variant["vendor"])["spec"],
    }
