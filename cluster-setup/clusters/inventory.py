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

Every provider reads the same file; the numbers in a lab's notebook come from it too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clusters.errors import InputInvalid
from clusters.problems import describe_problems, matching

NodeName = Annotated[
    str,
    matching(
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        "a DNS label: lower-case letters, digits and '-', at most 63",
    ),
]
DriverName = Annotated[
    str,
    matching(
        r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        "a DNS name such as gpu.example.com, at most 63 characters",
    ),
]
LabelKey = Annotated[
    str,
    matching(
        r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
        "a label key such as example.com/zone",
    ),
]
LabelValue = Annotated[
    str,
    matching(
        r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
        "a label value: letters, digits, '-', '_' and '.', at most 63",
    ),
]
Quantity = Annotated[
    str,
    matching(
        r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?", "a Kubernetes quantity such as 80Gi"
    ),
]
SemanticVersion = Annotated[
    str,
    matching(
        r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?",
        "a semantic version such as 550.54.15",
    ),
]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class DeviceGroup(_Strict):
    """Devices of one kind in one node."""

    model: str = Field(min_length=1, max_length=64)
    """Attribute `model` of each device."""
    count: int = Field(ge=1, le=128)
    """How many; a ResourceSlice holds at most 128 devices."""
    memory: Quantity
    """Capacity `memory` of each device, a Kubernetes quantity."""
    driver_version: SemanticVersion = Field(alias="driverVersion")
    """Attribute `driverVersion`, a semantic version 2.0.0, as attributes of type `version` are."""
    numa_nodes: int = Field(default=1, alias="numaNodes", ge=1, le=16)
    """Devices are spread evenly over this many NUMA nodes (attribute `numaNode`)."""


class InventoryNode(_Strict):
    """One node and what is in it."""

    name: NodeName
    labels: dict[LabelKey, LabelValue] = Field(default_factory=dict)
    cpu: Quantity = "16"
    memory: Quantity = "64Gi"
    devices: tuple[DeviceGroup, ...] = ()

    @model_validator(mode="after")
    def _fits_one_slice(self) -> InventoryNode:
        if sum(group.count for group in self.devices) > 128:
            raise ValueError("a node can have at most 128 devices")
        return self


class Inventory(_Strict):
    """The nodes and accelerators of a cluster."""

    api_version: Literal["assay.dev/v1"] = Field(default="assay.dev/v1", alias="apiVersion")
    kind: Literal["Inventory"] = "Inventory"
    driver: DriverName = "gpu.assay.dev"
    """DRA driver name that the ResourceSlices carry."""
    device_class: DriverName = Field(default="gpu.assay.dev", alias="deviceClass")
    """Name of the DeviceClass that selects every device of the driver."""
    nodes: tuple[InventoryNode, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _names_differ(self) -> Inventory:
        names = [node.name for node in self.nodes]
        if len(set(names)) != len(names):
            raise ValueError("node names must differ")
        return self


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
