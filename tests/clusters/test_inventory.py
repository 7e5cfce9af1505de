"""Inventory: read strictly, every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from clusters.errors import InputInvalid
from clusters.inventory import DeviceGroup, InventoryNode, default_inventory, load_inventory

GOOD = """
apiVersion: assay.dev/v1
kind: Inventory
driver: gpu.example.com
deviceClass: big
nodes:
  - name: one
    labels: {zone: a}
    devices:
      - {model: A100, count: 2, memory: 80Gi, driverVersion: 550.54.15}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "inventory.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems_of(path: Path) -> list[str]:
    with pytest.raises(InputInvalid) as found:
        load_inventory(path)
    return found.value.problems


def test_the_default_is_two_nodes_of_eight_devices() -> None:
    nodes = default_inventory().nodes

    assert [sum(group.count for group in node.devices) for node in nodes] == [8, 8]


def test_a_good_file_is_read(tmp_path: Path) -> None:
    inventory = load_inventory(written(tmp_path, GOOD))

    assert (inventory.driver, inventory.device_class) == ("gpu.example.com", "big")
    assert inventory.nodes[0].devices[0].driver_version == "550.54.15"


def test_every_problem_is_named_at_once_with_file_and_key(tmp_path: Path) -> None:
    text = """
    driver: a..b
    nodes:
      - name: Big_Node
        cpu: 4
        colour: red
        labels: {"x y": fine}
        devices:
          - {count: 0, memory: 80GB, driverVersion: "550"}
    """

    problems = problems_of(path := written(tmp_path, text))

    keys = [problem.removeprefix(f"{path}: ").split(": ")[0] for problem in problems]
    assert sorted(keys) == [
        "driver",
        "nodes[0].colour",
        "nodes[0].cpu",
        "nodes[0].devices[0].count",
        "nodes[0].devices[0].driverVersion",
        "nodes[0].devices[0].memory",
        "nodes[0].devices[0].model",
        "nodes[0].labels.x y.[key]",
        "nodes[0].name",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nodes: [", "is not YAML"),
        ("", "valid dictionary"),
        ("nodes: []", "nodes"),
        ("nodes: [{name: a}, {name: a}]", "node names must differ"),
    ],
)
def test_a_file_that_is_no_inventory_is_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    problems = problems_of(written(tmp_path, text))

    assert len(problems) == 1
    assert said in problems[0]


def test_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    assert problems_of(tmp_path / "none.yaml") == [
        f"{tmp_path / 'none.yaml'}: cannot be read: No such file or directory"
    ]


def test_a_node_holds_no_more_devices_than_a_slice() -> None:
    group = DeviceGroup(model="A100", count=100, memory="80Gi", driverVersion="1.0.0")

    with pytest.raises(ValidationError, match="at most 128"):
        InventoryNode(name="one", devices=(group, group))
