"""Device: one simulated accelerator as an entry of a ResourceSlice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from clusters.inventory import DeviceGroup, InventoryNode

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "accelerators.assay.dev")


def device_uuid(cluster: str, node: str, index: int) -> str:
    """Return the uuid of a device, in the form NVIDIA's tools print.

    It follows from its place, so two clusters never share one and a repaired cluster keeps its own.
    """
    return f"GPU-{uuid.uuid5(_NAMESPACE, f'{cluster}/{node}/{index}')}"


def devices(cluster: str, node: InventoryNode) -> list[dict[str, Any]]:
    """Return the devices of one node, named `gpu-0`, `gpu-1`, ... through all of its groups."""
    return [
        _device(cluster, node.name, index, group, numa_node)
        for index, (group, numa_node) in enumerate(_places(node))
    ]


def _places(node: InventoryNode) -> Iterator[tuple[DeviceGroup, int]]:
    for group in node.devices:
        for position in range(group.count):
            yield group, position * group.numa_nodes // group.count


def _device(
    cluster: str, node: str, index: int, group: DeviceGroup, numa_node: int
) -> dict[str, Any]:
    return {
        "name": f"gpu-{index}",
        "attributes": {
            "uuid": {"string": device_uuid(cluster, node, index)},
            "model": {"string": group.model},
            "driverVersion": {"version": group.driver_version},
            "numaNode": {"int": numa_node},
        },
        "capacity": {"memory": {"value": group.memory}},
    }
