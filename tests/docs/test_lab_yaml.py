"""docs/lab-yaml.md names every key, and its examples are right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pydantic import BaseModel

from clusters.capability import Capability
from clusters.inventory import DeviceGroup, Inventory, InventoryNode
from graders.authoring import new_lab
from graders.lab import LabDocument, Task
from graders.safeguards.safeguard import Safeguard
from graders.variant import ParameterSpec

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "lab-yaml.md").read_text(encoding="utf-8")
TABLES: dict[type[BaseModel], str] = {
    LabDocument: "## The lab",
    Task: "## A task",
    Safeguard: "## A safeguard",
    ParameterSpec: "## A parameter",
    Inventory: "## inventory.yaml",
    InventoryNode: "Each node:",
    DeviceGroup: "Each group of devices:",
}


def keys_below(heading: str) -> list[str]:
    """Return the first column of the first table below a heading."""
    below = PAGE[PAGE.index(f"\n{heading}\n") :]
    table = re.search(r"((?:^\|.*\n)+)", below, re.MULTILINE)
    assert table
    return re.findall(r"^\| `([^`]+)` \|", table[1], re.MULTILINE)


@pytest.mark.parametrize(("model", "heading"), TABLES.items(), ids=lambda value: str(value))
def test_every_key_stands_in_its_table_and_no_other(model: type[BaseModel], heading: str) -> None:
    keys = [field.alias or name for name, field in model.model_fields.items()]

    assert keys_below(heading) == keys


def test_which_keys_are_needed_is_said_truly() -> None:
    for model, heading in TABLES.items():
        if model is ParameterSpec:
            continue
        for name, field in model.model_fields.items():
            needed = "yes" if field.is_required() else "no"
            assert f"| `{field.alias or name}` | {needed} |" in PAGE, f"{heading}: {name}"


def test_every_capability_is_explained() -> None:
    assert keys_below("## Capabilities") == [capability.value for capability in Capability]


def test_the_examples_are_right() -> None:
    lab, *parts, inventory = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    assert LabDocument.model_validate(yaml.safe_load(lab)).tasks[0].seconds == 45
    assert Inventory.model_validate(yaml.safe_load(inventory)).nodes[0].devices[0].count == 8
    for part in parts:
        LabDocument.model_validate({**yaml.safe_load(lab), **yaml.safe_load(part)})


def test_the_authors_page_names_every_kind_of_file_of_a_new_lab(tmp_path: Path) -> None:
    page = (DOCS / "authoring.md").read_text(encoding="utf-8")
    folder = new_lab("gpu-quotas", "Share GPUs by quota", tmp_path)

    for path in folder.iterdir():
        assert re.search(rf"^      {re.escape(path.name)}\b", page, re.MULTILINE), path.name
