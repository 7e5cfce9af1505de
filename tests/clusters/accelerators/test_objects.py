"""The Kubernetes objects that follow from an Inventory."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from clusters.accelerators import device_classes, device_uuid, node_objects, resource_slices
from clusters.inventory import Inventory, default_inventory, parse_inventory

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIXED = parse_inventory(
    {
        "driver": "gpu.example.com",
        "nodes": [
            {
                "name": "mixed",
                "labels": {"zone": "a"},
                "devices": [
                    {
                        "model": "A100",
                        "count": 4,
                        "memory": "80Gi",
                        "driverVersion": "550.54.15",
                        "numaNodes": 2,
                    },
                    {"model": "T4", "count": 1, "memory": "16Gi", "driverVersion": "535.1.0"},
                ],
            },
            {"name": "bare"},
        ],
    },
    "mixed",
)


def test_a_slice_has_every_device_with_typed_attributes() -> None:
    (found,) = resource_slices(MIXED, "demo")

    assert found["spec"]["driver"] == "gpu.example.com"
    assert found["spec"]["nodeName"] == "mixed"
    assert found["spec"]["pool"] == {"name": "mixed", "generation": 1, "resourceSliceCount": 1}
    assert [device["name"] for device in found["spec"]["devices"]] == [f"gpu-{i}" for i in range(5)]
    assert found["spec"]["devices"][4] == {
        "name": "gpu-4",
        "attributes": {
            "type": {"string": "gpu"},
            "uuid": {"string": device_uuid("demo", "mixed", 4)},
            "model": {"string": "T4"},
            "driverVersion": {"version": "535.1.0"},
            "numaNode": {"int": 0},
            "resource.kubernetes.io/numaNode": {"int": 0},
        },
        "capacity": {"memory": {"value": "16Gi"}},
    }


def test_devices_are_spread_evenly_over_numa_nodes() -> None:
    (found,) = resource_slices(MIXED, "demo")

    numa = [device["attributes"]["numaNode"]["int"] for device in found["spec"]["devices"]]
    assert numa == [0, 0, 1, 1, 0]


def test_a_node_without_devices_has_no_slice_but_is_a_node() -> None:
    assert [node["metadata"]["name"] for node in node_objects(MIXED, "v1.37.2", NOON)] == [
        "mixed",
        "bare",
    ]
    assert len(resource_slices(MIXED, "demo")) == 1


def test_a_uuid_looks_like_that_of_a_gpu() -> None:
    shape = r"GPU-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"

    assert re.fullmatch(shape, device_uuid("demo", "node", 0))


def test_no_two_devices_anywhere_share_a_uuid_and_each_keeps_its_own() -> None:
    def uuids(cluster: str, inventory: Inventory) -> list[str]:
        return [
            device["attributes"]["uuid"]["string"]
            for one in resource_slices(inventory, cluster)
            for device in one["spec"]["devices"]
        ]

    once = uuids("a", default_inventory()) + uuids("b", default_inventory())

    assert len(set(once)) == 32
    assert once[:16] == uuids("a", default_inventory())


def test_the_class_selects_the_devices_of_the_driver() -> None:
    (found,) = device_classes(MIXED)

    assert found["metadata"]["name"] == "gpu.assay.dev"
    assert found["spec"]["selectors"][0]["cel"]["expression"] == (
        "device.driver == 'gpu.example.com'"
    )


def test_nodes_have_their_labels_and_addresses_of_their_own() -> None:
    mixed, bare = node_objects(MIXED, "v1.37.2", NOON)

    assert mixed["metadata"]["labels"]["zone"] == "a"
    assert mixed["metadata"]["labels"]["kubernetes.io/hostname"] == "mixed"
    assert mixed["status"]["addresses"] != bare["status"]["addresses"]
    assert mixed["spec"]["podCIDR"] != bare["spec"]["podCIDR"]


def test_nodes_come_as_their_kubelet_and_the_controllers_would_leave_them() -> None:
    for node in node_objects(MIXED, "v1.37.2", NOON):
        conditions = {one["type"]: one for one in node["status"]["conditions"]}
        labels = node["metadata"]["labels"]

        assert conditions["Ready"]["status"] == "True"
        assert conditions["Ready"]["lastTransitionTime"] == "2026-11-23T12:00:00Z"
        assert {one["status"] for name, one in conditions.items() if name != "Ready"} == {"False"}
        assert labels["beta.kubernetes.io/os"] == labels["kubernetes.io/os"]
