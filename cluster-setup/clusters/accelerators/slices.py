"""ResourceSlices: the devices of each node as a pool, in as many slices as the API's limits ask.

Limits of resource.k8s.io/v1 (types.go of Kubernetes 1.37): 128 devices in a slice, 64 where one of
them has taints or consumes counters; 8 sets of counters, in slices that hold no devices.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from clusters.accelerators.devices import counter_sets, devices
from clusters.inventory import Inventory, InventoryNode

T = TypeVar("T")
MOST_DEVICES = 64
"""Also of devices without taints: somebody may put taints on them later."""
MOST_COUNTER_SETS = 8


def resource_slices(inventory: Inventory, cluster: str) -> list[dict[str, Any]]:
    """Return the ResourceSlices of every node with devices; a pool is named after its node.

    Args:
        inventory: the nodes.
        cluster: name of the cluster; the uuids of devices follow from it.
    """
    return [one for node in inventory.nodes for one in node_slices(inventory.driver, cluster, node)]


def node_slices(driver: str, cluster: str, node: InventoryNode) -> list[dict[str, Any]]:
    """Return the ResourceSlices of one node, none where it has no devices.

    Args:
        driver: name of the DRA driver.
        cluster: name of the cluster.
        node: what is in the node.
    """
    parts = [
        *({"devices": some} for some in _batches(devices(cluster, driver, node), MOST_DEVICES)),
        *(
            {"sharedCounters": some}
            for some in _batches(counter_sets(cluster, driver, node), MOST_COUNTER_SETS)
        ),
    ]
    pool = {"name": node.name, "generation": 1, "resourceSliceCount": len(parts)}
    return [
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            # The first has no number, so a node with few devices has one slice of a plain name.
            "metadata": {"name": f"{node.name}-{driver}" + (f"-{number:02}" if number else "")},
            "spec": {"driver": driver, "nodeName": node.name, "pool": pool, **part},
        }
        for number, part in enumerate(parts)
    ]


def _batches(found: Sequence[T], most: int) -> list[list[T]]:
    return [list(found[start : start + most]) for start in range(0, len(found), most)]
