"""ResourceSlices of partitions, sharing, taints and topology, within the limits of the API."""

from __future__ import annotations

from typing import Any

from clusters.accelerators import device_classes, resource_slices
from clusters.inventory import Inventory, parse_inventory

GROUP = {"model": "A100", "count": 2, "memory": "80Gi", "driverVersion": "550.54.15"}
SMALL = {"name": "1g.10gb", "slices": 1, "memory": "10Gi"}
CUT = {"partitions": {"slices": 7, "profiles": [SMALL]}}


def inventory_of(*groups: dict[str, Any], **keys: Any) -> Inventory:
    nodes = [{"name": "one", "devices": [{**GROUP, **group} for group in groups]}]
    return parse_inventory({**keys, "nodes": nodes}, "inventory.yaml")


def devices_of(inventory: Inventory) -> dict[str, Any]:
    slices = resource_slices(inventory, "demo")
    return {device["name"]: device for s in slices for device in s["spec"].get("devices", ())}


def test_a_partition_takes_from_the_counters_of_its_device() -> None:
    inventory = inventory_of(CUT)

    *_, counters = resource_slices(inventory, "demo")
    devices = devices_of(inventory)

    whole = {"memory": {"value": "80Gi"}, "slices": {"value": "7"}}
    assert counters["spec"]["sharedCounters"] == [
        {"name": "gpu-0", "counters": whole},
        {"name": "gpu-1", "counters": whole},
    ]
    assert devices["gpu-1"]["consumesCounters"] == [{"counterSet": "gpu-1", "counters": whole}]
    assert devices["gpu-1-1g-10gb-6"]["consumesCounters"] == [
        {
            "counterSet": "gpu-1",
            "counters": {"memory": {"value": "10Gi"}, "slices": {"value": "1"}},
        }
    ]


def test_a_partition_says_what_it_is_a_part_of() -> None:
    devices = devices_of(inventory_of(CUT))

    attributes = devices["gpu-0-1g-10gb-0"]["attributes"]
    assert attributes["type"] == {"string": "partition"}
    assert attributes["profile"] == {"string": "1g.10gb"}
    assert attributes["parentUUID"] == devices["gpu-0"]["attributes"]["uuid"]
    uuids = [device["attributes"]["uuid"]["string"] for device in devices.values()]
    assert len(set(uuids)) == len(uuids) == 16


def test_a_claim_that_takes_the_first_gets_a_whole_device() -> None:
    first = resource_slices(inventory_of(CUT), "demo")[0]["spec"]["devices"]

    assert [device["name"] for device in first[:2]] == ["gpu-0", "gpu-1"]


def test_a_pool_is_divided_as_the_limits_of_the_api_ask() -> None:
    slices = resource_slices(inventory_of({**CUT, "count": 16}), "demo")

    assert [len(s["spec"].get("devices", ())) for s in slices] == [64, 64, 0, 0]
    assert [len(s["spec"].get("sharedCounters", ())) for s in slices] == [0, 0, 8, 8]
    assert {s["spec"]["pool"]["resourceSliceCount"] for s in slices} == {4}
    names = [s["metadata"]["name"] for s in slices]
    assert names == sorted(names)
    assert len(set(names)) == 4


def test_a_slice_has_room_for_taints_on_every_device() -> None:
    slices = resource_slices(inventory_of({"count": 128}), "demo")

    assert [len(one["spec"]["devices"]) for one in slices] == [64, 64]


def test_a_shared_device_has_a_policy_for_its_memory() -> None:
    by_range = {"default": "10Gi", "min": "10Gi", "max": "40Gi", "step": "10Gi"}
    by_value = {"default": "20Gi", "values": ["20Gi", "40Gi"]}

    devices = devices_of(inventory_of({"count": 1, "sharing": by_range}, {"sharing": by_value}))

    assert devices["gpu-0"]["allowMultipleAllocations"] is True
    assert devices["gpu-0"]["capacity"]["memory"] == {
        "value": "80Gi",
        "requestPolicy": {
            "default": "10Gi",
            "validRange": {"min": "10Gi", "max": "40Gi", "step": "10Gi"},
        },
    }
    assert devices["gpu-1"]["capacity"]["memory"]["requestPolicy"] == {
        "default": "20Gi",
        "validValues": ["20Gi", "40Gi"],
    }


def test_a_broken_device_is_tainted_besides_its_own_taints() -> None:
    taint = {"key": "example.com/old", "value": "yes", "effect": "NoExecute"}

    devices = devices_of(inventory_of({"taints": [taint], "health": "unhealthy"}))

    broken = {"key": "gpu.assay.dev/unhealthy", "value": "", "effect": "NoSchedule"}
    assert devices["gpu-1"]["taints"] == [taint, broken]


def test_a_device_of_unknown_health_is_not_tainted() -> None:
    assert "taints" not in devices_of(inventory_of({"health": "unknown"}))["gpu-0"]


def test_islands_of_nvlink_never_span_two_groups() -> None:
    devices = devices_of(
        inventory_of({"count": 4, "nvlinkIslands": 2}, {"nvlinkIslands": 1}, {"count": 1})
    )

    islands = [device["attributes"].get("nvlinkIsland") for device in devices.values()]
    assert islands == [{"int": n} for n in (0, 0, 1, 1, 2, 2)] + [None]


def test_whole_devices_and_partitions_have_a_class_each() -> None:
    whole, part = device_classes(inventory_of(CUT, extendedResource="example.com/gpu"))

    assert whole["spec"]["extendedResourceName"] == "example.com/gpu"
    assert part["metadata"]["name"] == "partition.gpu.assay.dev"
    assert "== 'partition'" in part["spec"]["selectors"][0]["cel"]["expression"]
    assert "extendedResourceName" not in part["spec"]
