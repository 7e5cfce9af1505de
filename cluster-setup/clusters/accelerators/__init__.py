"""Accelerators: what an Inventory says, as the objects that the scheduler allocates from."""

from clusters.accelerators.devices import device_uuid
from clusters.accelerators.objects import device_classes, node_objects
from clusters.accelerators.slices import resource_slices

__all__ = ["device_classes", "device_uuid", "node_objects", "resource_slices"]
