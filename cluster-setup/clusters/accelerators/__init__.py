"""Accelerators: what an Inventory says, as the objects that the scheduler allocates from."""

from clusters.accelerators.devices import device_uuid
from clusters.accelerators.objects import device_class, node_objects, resource_slices

__all__ = ["device_class", "device_uuid", "node_objects", "resource_slices"]
