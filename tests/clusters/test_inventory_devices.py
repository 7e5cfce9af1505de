"""Device groups of an Inventory: partitions, sharing, taints and health, read strictly."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.errors import InputInvalid
from clusters.inventory import Inventory, parse_inventory
from clusters.inventory_values import amount_of

GROUP = {"model": "A100", "count": 2, "memory": "80Gi", "driverVersion": "550.54.15"}
SMALL = {"name": "1g.10gb", "slices": 1, "memory": "10Gi"}
LARGE = {"name": "3g.40gb", "slices": 3, "memory": "40Gi", "count": 1}


def inventory_of(*groups: dict[str, Any], **keys: Any) -> Inventory:
    nodes = [{"name": "one", "devices": [{**GROUP, **group} for group in groups]}]
    return parse_inventory({**keys, "nodes": nodes}, "inventory.yaml")


def problems_of(*groups: dict[str, Any], **keys: Any) -> list[str]:
    with pytest.raises(InputInvalid) as found:
        inventory_of(*groups, **keys)
    return [problem.removeprefix("inventory.yaml: ") for problem in found.value.problems]


@pytest.mark.parametrize(
    ("quantity", "amount"),
    [("5", 5), ("500m", 0.5), ("2k", 2000), ("1Ki", 1024), ("80Gi", 80 * 2**30), ("1.5M", 1.5e6)],
)
def test_quantities_stand_for_what_kubernetes_takes_them_for(quantity: str, amount: float) -> None:
    assert amount_of(quantity) == amount


def test_everything_that_can_be_said_of_a_group_is_read() -> None:
    inventory = inventory_of(
        {"nvlinkIslands": 2, "partitions": {"slices": 7, "profiles": [SMALL, LARGE]}},
        {"sharing": {"default": "10Gi", "min": "10Gi", "max": "40Gi", "step": "10Gi"}},
        {"health": "unhealthy", "taints": [{"key": "example.com/old", "effect": "NoExecute"}]},
        extendedResource="example.com/gpu",
    )

    cut, shared, broken = inventory.nodes[0].devices
    assert cut.entries() == 2 * (1 + 7 + 1)
    assert shared.sharing
    assert shared.sharing.step == "10Gi"
    assert (broken.health, broken.taints[0].effect) == ("unhealthy", "NoExecute")


def test_what_is_written_down_of_an_inventory_is_the_same_inventory() -> None:
    inventory = inventory_of(
        {"partitions": {"slices": 7, "profiles": [SMALL]}},
        {"sharing": {"default": "10Gi", "values": ["10Gi", "20Gi"]}, "health": "unknown"},
        {"taints": [{"key": "old", "value": "yes", "effect": "None"}]},
    )

    document = inventory.model_dump(mode="json", by_alias=True)

    assert parse_inventory(document, "cluster.json") == inventory


def test_the_problems_of_every_part_are_named_at_once() -> None:
    problems = problems_of(
        {"nvlinkIslands": 3},
        {"partitions": {"slices": 7, "profiles": [{**SMALL, "slices": 0, "size": 3}]}},
        {"sharing": {"default": "10Gi", "values": ["20Gi"]}},
        {"taints": [{"key": "old key", "effect": "PreferNoSchedule"}]},
        {"health": "ill"},
    )

    keys = [problem.split(": ")[0] for problem in problems]
    assert sorted(keys) == [
        "nodes[0].devices[0]",
        "nodes[0].devices[1].partitions.profiles[0].size",
        "nodes[0].devices[1].partitions.profiles[0].slices",
        "nodes[0].devices[2].sharing",
        "nodes[0].devices[3].taints[0].effect",
        "nodes[0].devices[3].taints[0].key",
        "nodes[0].devices[4].health",
    ]


@pytest.mark.parametrize(
    ("sharing", "said"),
    [
        ({"default": "10Gi", "values": ["20Gi", "10Gi"]}, "from small to large"),
        ({"default": "15Gi", "values": ["10Gi", "20Gi"]}, "`default` must be one of `values`"),
        ({"default": "1Gi", "values": ["1Gi"], "min": "1Gi"}, "either `values` or `min`"),
        ({"default": "1Gi", "max": "2Gi"}, "need `min`"),
        ({"default": "1Gi", "min": "2Gi"}, "not be less than `min`"),
        ({"default": "3Gi", "min": "1Gi", "max": "2Gi"}, "not be more than `max`"),
        ({"default": "3Gi", "min": "1Gi", "step": "4Gi"}, "`default` must be `min` and a multiple"),
        ({"default": "1Gi", "min": "1Gi", "step": "0"}, "more than nothing"),
        ({"default": "1Gi", "min": "1Gi", "max": "81Gi"}, "more than the `memory` of a device"),
    ],
)
def test_a_policy_that_the_api_server_would_refuse_is_refused_here(
    sharing: dict[str, Any], said: str
) -> None:
    [problem] = problems_of({"sharing": sharing})

    assert said in problem


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ({**SMALL, "slices": 8}, "1g.10gb does not fit"),
        ({**SMALL, "memory": "81Gi"}, "1g.10gb does not fit"),
        ({**SMALL, "name": "1G"}, "'1G' is not a name"),
    ],
)
def test_a_partition_must_fit_into_its_device(profile: dict[str, Any], said: str) -> None:
    [problem] = problems_of({"partitions": {"slices": 7, "profiles": [profile]}})

    assert said in problem


def test_names_that_would_be_one_device_name_are_refused() -> None:
    twice = [SMALL, {**SMALL, "name": "1g-10gb"}]

    [problem] = problems_of({"partitions": {"slices": 7, "profiles": twice}})

    assert "must differ" in problem


def test_a_group_is_cut_or_shared_but_not_both() -> None:
    partitions = {"slices": 7, "profiles": [SMALL]}

    [problem] = problems_of({"partitions": partitions, "sharing": {"default": "1Gi"}})

    assert "either `partitions` or `sharing`" in problem


def test_a_node_with_too_many_partitions_is_refused() -> None:
    tiny = {"name": "tiny", "slices": 1, "memory": "1Gi", "count": 32}

    [problem] = problems_of({"count": 100, "partitions": {"slices": 32, "profiles": [tiny]}})

    assert "at most 1024 devices and partitions" in problem


@pytest.mark.parametrize(
    "name", ["gpu", "kubernetes.io/gpu", "x.kubernetes.io/gpu", "example.com/"]
)
def test_an_extended_resource_has_a_domain_of_its_own(name: str) -> None:
    [problem] = problems_of(extendedResource=name)

    assert problem.startswith("extendedResource: ")


def test_the_two_classes_must_differ() -> None:
    [problem] = problems_of(deviceClass="gpus", partitionClass="gpus")

    assert "must differ" in problem
