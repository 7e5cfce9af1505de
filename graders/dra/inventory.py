"""Inventory: the devices as the platform published them, remembered before the learner came."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any

from kubernetes.utils.quantity import parse_quantity

from graders.checks import expect
from graders.errors import ProbeRefused
from graders.probes import made_by_a_grader
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


def expect_published(
    what: str, given: Collection[str], inventory: Inventory, pod: Mapping[str, Any]
) -> None:
    """Fail when a Pod has devices that the platform did not publish.

    Args:
        what: has them; begins the sentence.
        given: ids of devices.
        inventory: what the platform published.
        pod: whose they are.

    Raises:
        CheckFailed: it has, and it is the learner's.
        ProbeRefused: it is the grader's own and was caught by devices that somebody made up, which
            says nothing about the learner's work.
    """
    strangers = sorted(frozenset(given) - inventory["devices"].keys())
    made_up = [one for one in strangers if one.startswith(f"{inventory['driver']}/")]
    if made_up and made_by_a_grader(pod):
        raise ProbeRefused(
            f"Somebody published devices of {inventory['driver']} that the platform did not, and "
            f"the grader's own Pod was given {', '.join(made_up)}; delete their ResourceSlices"
        )
    expect(
        not strangers,
        f"{what} holds what the platform did not publish",
        expected=f"devices of driver {inventory['driver']}, as the platform published them",
        found=", ".join(strangers),
        hint="kubectl get resourceslices: whose are these devices?",
    )


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
