"""Inventory: the nodes of a cluster and the accelerators in them, from one YAML file.

    apiVersion: assay.dev/v1
    kind: Inventory
    driver: gpu.assay.dev            # DRA driver name of the ResourceSlices
    deviceClass: gpu.assay.dev       # DeviceClass that selects them
    nodes:
      - name: gpu-node-0
        labels: {zone: a}
        cpu: "16"
        memory: 64Gi
        devices:
          - model: A100
            count: 8
            memory: 80Gi
            driverVersion: 550.54.15
            numaNodes: 2             # devices are spread over them evenly

Every provider reads the same file; the numbers in a lab's notebook come from it too. All keys, with
partitions, sharing, taints and health, stand in docs/accelerators.md.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from clusters.errors import InputInvalid
from clusters.inventory_devices import DeviceGroup
from clusters.inventory_values import (
    DriverName,
    LabelKey,
    LabelValue,
    NodeName,
    Quantity,
    ResourceName,
    Strict,
)
from clusters.problems import describe_problems

__all__ = [
    "DeviceGroup",
    "Inventory",
    "InventoryNode",
    "default_inventory",
    "load_inventory",
    "parse_inventory",
]
MOST_ENTRIES = 1024
"""Devices and partitions that one node may publish: eight ResourceSlices of 128 devices."""


class InventoryNode(Strict):
    """One node and what is in it."""

    name: NodeName
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    cpu: Quantity = "16"
    memory: Quantity = "64Gi"
    devices: tuple[DeviceGroup, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if sum(group.count for group in self.devices) > 128:
            raise ValueError("a node can have at most 128 devices")
        if sum(group.entries() for group in self.devices) > MOST_ENTRIES:
            raise ValueError(f"a node can have at most {MOST_ENTRIES} devices and partitions")
        return self


class Inventory(Strict):
    """The nodes and accelerators of a cluster."""

    api_version: Literal["assay.dev/v1"] = Field(default="assay.dev/v1", alias="apiVersion")
    kind: Literal["Inventory"] = "Inventory"
    driver: DriverName = "gpu.assay.dev"
    """DRA driver name that the ResourceSlices carry."""
    device_class: DriverName = Field(default="gpu.assay.dev", alias="deviceClass")
    """Name of the DeviceClass that selects every whole device of the driver."""
    partition_class: DriverName = Field(default="partition.gpu.assay.dev", alias="partitionClass")
    """Name of the DeviceClass that selects every partition; made where there are some."""
    extended_resource: ResourceName | None = Field(default=None, alias="extendedResource")
    """Resource by which Pods may ask for a whole device without a claim of their own."""
    nodes: tuple[InventoryNode, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [node.name for node in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError("node names must differ")
        if self.device_class == self.partition_class:
            raise ValueError("`deviceClass` and `partitionClass` must differ")
        return self

    @property
    def partitioned(self) -> bool:
        """Whether some device can be had in parts."""
        return any(group.partitions for node in self.nodes for group in node.devices)


def default_inventory() -> Inventory:
    """Return two nodes of eight simulated GPUs each."""
    group = DeviceGroup(model="SIM-80G", count=8, memory="80Gi", driverVersion="1.0.0", numaNodes=2)
    return Inventory(
        nodes=tuple(InventoryNode(name=f"gpu-node-{i}", devices=(group,)) for i in range(2))
    )


def parse_inventory(document: Any, origin: str) -> Inventory:
    """Make an Inventory of a parsed YAML document.

    Raises:
        InputInvalid: with every problem, each naming `origin` and the key.
    """
    try:
        return Inventory.model_validate(document)
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, origin)) from error


def load_inventory(path: Path) -> Inventory:
    """Read an Inventory from a file.

    Raises:
        InputInvalid: the file cannot be read, is not YAML, or has problems.
    """
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error
    return parse_inventory(document, str(path))
