"""Device: one simulated accelerator, or a part of one, as an entry of a ResourceSlice."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from clusters.inventory import InventoryNode
from clusters.inventory_devices import DeviceGroup, Health, PartitionProfile, Sharing

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "accelerators.assay.dev")
NUMA_NODE = "resource.kubernetes.io/numaNode"
"""The standard attribute, by which devices of several drivers can be matched (KEP 4381)."""
WHOLE, PARTITION = "gpu", "partition"
"""Values of the attribute `type`."""


def device_uuid(cluster: str, node: str, index: int) -> str:
    """Return the uuid of a device, in the form NVIDIA's tools print.

    It follows from its place, so two clusters never share one and a repaired cluster keeps its own.
    """
    return f"GPU-{uuid.uuid5(_NAMESPACE, f'{cluster}/{node}/{index}')}"


@dataclass(frozen=True)
class Place:
    """One device of a node, with all that follows from where it stands."""

    cluster: str
    driver: str
    node: str
    index: int
    group: DeviceGroup
    numa_node: int
    nvlink_island: int | None

    @property
    def name(self) -> str:
        """Name of the device in its pool; also that of its set of counters."""
        return f"gpu-{self.index}"

    @property
    def uuid(self) -> str:
        """Attribute `uuid`."""
        return device_uuid(self.cluster, self.node, self.index)

    def partitions(self) -> Iterator[tuple[str, PartitionProfile]]:
        """Yield the name and the profile of each partition."""
        for profile in self.group.partitions.profiles if self.group.partitions else ():
            for number in range(self.group.published(profile)):
                yield f"{self.name}-{profile.name.replace('.', '-')}-{number}", profile


def places(cluster: str, driver: str, node: InventoryNode) -> Iterator[Place]:
    """Yield the devices of one node, named `gpu-0`, `gpu-1`, ... through all of its groups."""
    index, first_island = 0, 0
    for group in node.devices:
        for position in range(group.count):
            numa_node = position * group.numa_nodes // group.count
            island = first_island + position * group.nvlink_islands // group.count
            linked = island if group.nvlink_islands else None
            yield Place(cluster, driver, node.name, index, group, numa_node, linked)
            index += 1
        # Devices of two groups are never in one island.
        first_island += group.nvlink_islands


def devices(cluster: str, driver: str, node: InventoryNode) -> list[dict[str, Any]]:
    """Return the entries of one node: whole devices first, partitions behind them.

    The scheduler takes the first that fits, so a claim that does not say gets a whole one.
    """
    found = list(places(cluster, driver, node))
    return [*map(_whole, found), *(part for place in found for part in _parts(place))]


def counter_sets(cluster: str, driver: str, node: InventoryNode) -> list[dict[str, Any]]:
    """Return what each partitioned device of a node can be cut into, as shared counters."""
    return [
        {"name": place.name, "counters": _counters(place.group.memory, cut.slices)}
        for place in places(cluster, driver, node)
        if (cut := place.group.partitions)
    ]


def _whole(place: Place) -> dict[str, Any]:
    group = place.group
    device = _entry(place, place.name, {"type": {"string": WHOLE}, "uuid": {"string": place.uuid}})
    device["capacity"] = {"memory": {"value": group.memory}}
    if group.partitions:
        device["consumesCounters"] = _consumes(place, group.memory, group.partitions.slices)
    if group.sharing:
        device["allowMultipleAllocations"] = True
        device["capacity"]["memory"]["requestPolicy"] = _policy(group.sharing)
    return device


def _parts(place: Place) -> Iterator[dict[str, Any]]:
    for name, profile in place.partitions():
        identity = {
            "type": {"string": PARTITION},
            "uuid": {"string": f"MIG-{uuid.uuid5(_NAMESPACE, f'{place.uuid}/{name}')}"},
            "parentUUID": {"string": place.uuid},
            "profile": {"string": profile.name},
        }
        part = _entry(place, name, identity)
        part["capacity"] = {"memory": {"value": profile.memory}}
        part["consumesCounters"] = _consumes(place, profile.memory, profile.slices)
        yield part


def _entry(place: Place, name: str, identity: dict[str, Any]) -> dict[str, Any]:
    attributes = {
        **identity,
        "model": {"string": place.group.model},
        "driverVersion": {"version": place.group.driver_version},
        "numaNode": {"int": place.numa_node},
        NUMA_NODE: {"int": place.numa_node},
    }
    if place.nvlink_island is not None:
        attributes["nvlinkIsland"] = {"int": place.nvlink_island}
    entry: dict[str, Any] = {"name": name, "attributes": attributes}
    if taints := list(_taints(place)):
        entry["taints"] = taints
    return entry


def _taints(place: Place) -> Iterator[dict[str, str]]:
    for taint in place.group.taints:
        yield taint.model_dump(mode="json")
    if place.group.health is Health.UNHEALTHY:
        yield unhealthy_taint(place.driver)


def unhealthy_taint(driver: str) -> dict[str, str]:
    """Return the taint by which the driver keeps claims from a broken device."""
    return {"key": f"{driver}/unhealthy", "value": "", "effect": "NoSchedule"}


def _consumes(place: Place, memory: str, slices: int) -> list[dict[str, Any]]:
    return [{"counterSet": place.name, "counters": _counters(memory, slices)}]


def _counters(memory: str, slices: int) -> dict[str, Any]:
    return {"memory": {"value": memory}, "slices": {"value": str(slices)}}


def _policy(sharing: Sharing) -> dict[str, Any]:
    policy: dict[str, Any] = {"default": sharing.default}
    if sharing.values:
        policy["validValues"] = list(sharing.values)
    elif sharing.min:
        bounds = {"min": sharing.min, "max": sharing.max, "step": sharing.step}
        policy["validRange"] = {name: value for name, value in bounds.items() if value}
    return policy
