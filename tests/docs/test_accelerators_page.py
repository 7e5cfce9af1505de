"""docs/accelerators.md names every key of an inventory, and its examples are right."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from clusters.inventory import DeviceGroup, Inventory, InventoryNode
from clusters.inventory_devices import DeviceTaint, Health, PartitionProfile, Partitions, Sharing

PAGE = (Path(__file__).parents[2] / "docs" / "accelerators.md").read_text(encoding="utf-8")
TABLES: dict[type[BaseModel], tuple[str, str]] = {
    Inventory: ("## The inventory", ""),
    InventoryNode: ("Each node:", ""),
    DeviceGroup: ("Each group of devices:", ""),
    Partitions: ("## Parts of a device", ""),
    PartitionProfile: ("## Parts of a device", "profiles[]"),
    Sharing: ("## Devices for several claims", ""),
    DeviceTaint: ("## Taints and health", ""),
}


def keys_below(heading: str) -> set[str]:
    """Return the keys in the first column of the first table below a heading."""
    below = PAGE[PAGE.index(f"\n{heading}\n") :]
    table = re.search(r"((?:^\|.*\n)+)", below, re.MULTILINE)
    assert table
    cells = [line.split("|")[1] for line in table[1].splitlines()[2:]]
    return {key for cell in cells for key in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("model", TABLES, ids=lambda model: model.__name__)
def test_every_key_stands_in_its_table(model: type[BaseModel]) -> None:
    heading, prefix = TABLES[model]
    named = keys_below(heading)

    for name, field in model.model_fields.items():
        key = field.alias or name
        assert key in named or f".{key}" in named or f"{prefix}.{key}" in named, key


def test_every_state_of_health_is_named() -> None:
    assert all(f"`{state}`" in PAGE for state in Health)


def test_the_examples_are_right() -> None:
    inventory, *parts = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    document = yaml.safe_load(inventory)

    assert Inventory.model_validate(document).nodes[0].devices[0].count == 8
    for part in parts:
        group = {**document["nodes"][0]["devices"][0], **yaml.safe_load(textwrap.dedent(part))}
        assert DeviceGroup.model_validate(group)
