"""Inventory: the devices as the platform published them, remembered before the learner came."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from graders.checks import expect
from graders.view import ClusterView

Inventory = Mapping[str, Any]
"""JSON values: `driver`, `class`, `slices` by name, and `devices` by id."""


def record_inventory(cluster: ClusterView, driver: str, device_class: str) -> dict[str, Any]:
    """Return what the platform has published, for the baseline of an attempt."""
    slices = {
        s["metadata"]["name"]: s["spec"]
        for s in cluster.list("ResourceSlice")
        if s["spec"]["driver"] == driver
    }
    return {
        "driver": driver,
        "class": {
            "name": device_class,
            "spec": cluster.get("DeviceClass", device_class)["spec"],
        },
        "slices": slices,
        "devices": {
            f"{driver}/{spec['pool']['name']}/{device['name']}": device
            for spec in slices.values()
            for device in spec.get("devices", ())
        },
    }


def expect_untouched(cluster: ClusterView, inventory: Inventory) -> None:
    """Fail when the platform's DeviceClass or ResourceSlices are no longer what they were.

    Raises:
        CheckFailed: one is missing or says something else.
    """
    name = inventory["class"]["name"]
    found = cluster.get("DeviceClass", name)["spec"]
    _expect_same(f"DeviceClass {name}", found, inventory["class"]["spec"])
    for name, spec in inventory["slices"].items():
        _expect_same(f"ResourceSlice {name}", cluster.get("ResourceSlice", name)["spec"], spec)


def memory_of(device: Mapping[str, Any]) -> Decimal:
    """Return the memory of a device in bytes."""
    quantity: Decimal = parse_quantity(device["capacity"]["memory"]["value"])
    return quantity


def _expect_same(what: str, found: object, published: object) -> None:
    expect(
        found == published,
        f"The {what} is not what the platform published",
        expected="unchanged",
        found="changed",
        hint="Slices and the platform's class are there to be read. Put back what you changed.",
    )
