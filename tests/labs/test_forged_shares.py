"""Attacks on the lab Choose and share GPUs: devices, cards and claims that somebody made up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from graders.catalogue import find_lab
from graders.rendering import render_inventory, render_manifests
from graders.variant import draw_variant

if TYPE_CHECKING:
    from tests.labs.conftest import Desk, OpenDesk

SLUG = "dra-02-choose-and-share"
DRA = "resource.k8s.io/v1"
FORGED = "forged-node-c"


@pytest.fixture(scope="module")
def desk(open_desk: OpenDesk) -> Iterator[Desk]:
    """One lab for all attacks; each is about another task."""
    with open_desk(SLUG, 21) as desk:
        yield desk


def published(driver: str, devices: list[dict[str, Any]], node: str) -> dict[str, Any]:
    """Return a slice of somebody's own, in a pool of its own on a node of the platform.

    Its pool comes before the platform's in the order in which the scheduler looks.
    """
    return {
        "apiVersion": DRA,
        "kind": "ResourceSlice",
        "metadata": {"name": f"{FORGED}-{driver}"},
        "spec": {
            "driver": driver,
            "nodeName": node,
            "pool": {"name": FORGED, "generation": 1, "resourceSliceCount": 1},
            "devices": devices,
        },
    }


def part(number: int) -> dict[str, Any]:
    return {
        "name": f"half-{number}",
        "attributes": {"card": {"string": "forged"}, "profile": {"string": "half"}},
        "capacity": {"memory": {"value": "40Gi"}},
    }


@pytest.mark.cluster
def test_two_halves_of_a_card_that_somebody_made_up_are_no_card(desk: Desk) -> None:
    """Where the first card has no two halves free, a made-up one in another pool might."""
    desk.create(published("part.assay.dev", [part(0), part(1)], "gpu-node-c"))
    desk.solve("share-by-partition")

    desk.expect_failed("share-by-partition", "holds what the platform did not publish")
    desk.kubectl("delete", "resourceslice", f"{FORGED}-part.assay.dev")


@pytest.mark.cluster
def test_a_claim_written_by_hand_is_no_bridge(desk: Desk) -> None:
    """The Pods run by a number on the node; claim, allocation and status are made to fit."""
    vendor, legacy = desk.variant["vendor"], desk.variant["legacy"]
    resource = f"{desk.variant['resource']}.example/gpu"
    pointer = resource.replace("/", "~1")
    patch = [{"op": "add", "path": f"/status/{f}/{pointer}", "value": "4"} for f in NODE_FIELDS]
    desk.kubectl(
        *("patch", "node", "gpu-node-b", "--subresource=status", "--type=json"),
        *("--patch", json.dumps(patch)),
    )
    desk.kubectl("rollout", "status", f"deployment/{legacy}", "--namespace", vendor)
    desk.create(bridge(legacy, resource, desk.variant["legacy_memory"]))
    for number, name in enumerate(pods_in(desk, vendor)):
        forge_claim(desk, desk.get("pod", name, vendor), resource, 12 + number)

    desk.expect_failed("bridge-legacy", "not chosen by the scheduler")


NODE_FIELDS = ("capacity", "allocatable")


def pods_in(desk: Desk, namespace: str) -> list[str]:
    path = "jsonpath={.items[*].metadata.name}"
    return desk.kubectl("get", "pods", "--namespace", namespace, "--output", path).split()


def bridge(name: str, resource: str, least: int) -> dict[str, Any]:
    memory = "device.capacity['gpu.assay.dev'].memory"
    rules = (
        "device.driver == 'gpu.assay.dev'",
        f"{memory}.compareTo(quantity('{least}Gi')) >= 0",
    )
    selectors = [{"cel": {"expression": rule}} for rule in rules]
    spec = {"extendedResourceName": resource, "selectors": selectors}
    return {"apiVersion": DRA, "kind": "DeviceClass", "metadata": {"name": name}, "spec": spec}


def forge_claim(desk: Desk, pod: dict[str, Any], resource: str, device: int) -> None:
    """Write a claim, what it holds, and into the Pod's status that it is the Pod's."""
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    owner = {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": name,
        "uid": pod["metadata"]["uid"],
        "controller": True,
    }
    asked = {"deviceClassName": "gpu.assay.dev"}
    desk.create(
        {
            "apiVersion": DRA,
            "kind": "ResourceClaim",
            "metadata": {"name": name, "namespace": namespace, "ownerReferences": [owner]},
            "spec": {"devices": {"requests": [{"name": "gpu", "exactly": asked}]}},
        }
    )
    result = {
        "request": "gpu",
        "driver": "gpu.assay.dev",
        "pool": "gpu-node-b",
        "device": f"gpu-{device}",
    }
    user = {"resource": "pods", "name": name, "uid": pod["metadata"]["uid"]}
    write_status(
        desk,
        ("resourceclaim", name, "--namespace", namespace),
        {"allocation": {"devices": {"results": [result]}}, "reservedFor": [user]},
    )
    requests = [{"containerName": "server", "resourceName": resource, "requestName": "gpu"}]
    write_status(
        desk,
        ("pod", name, "--namespace", namespace),
        {"extendedResourceClaimStatus": {"resourceClaimName": name, "requestMappings": requests}},
    )


def write_status(desk: Desk, what: tuple[str, ...], status: dict[str, Any]) -> None:
    options = (
        "--subresource=status",
        "--type=merge",
        "--patch",
        yaml.safe_dump({"status": status}),
    )
    desk.kubectl("patch", *what, *options)


@pytest.mark.cluster
def test_an_island_of_ones_own_does_not_make_neighbours(desk: Desk) -> None:
    """The Deployment is repaired, on devices that its repairer has published."""
    devices = [
        {
            "name": f"gpu-{number}",
            "attributes": {"island": {"string": "forged"}},
            "capacity": {"memory": {"value": "1Ti"}},
        }
        for number in range(8)
    ]
    desk.create(published("gpu.assay.dev", devices, "gpu-node-b"))
    desk.solve("repair-ensemble")

    desk.expect_failed("repair-ensemble", "holds what the platform did not publish")
    desk.kubectl("delete", "resourceslice", f"{FORGED}-gpu.assay.dev")


@pytest.mark.cluster
def test_a_selector_that_fails_on_other_devices_is_refused_and_not_an_error(desk: Desk) -> None:
    """Kept to the one node on which its careless question has an answer, it even runs."""
    team, linked = desk.variant["team"], desk.variant["linked"]
    least = desk.variant["linked_memory"]
    careless = (
        "device.attributes['gpu.assay.dev'].island != '' && "
        f"device.capacity['gpu.assay.dev'].memory.compareTo(quantity('{least}Gi')) >= 0"
    )
    pod = desk.pod(linked, linked, nodeSelector={"kubernetes.io/hostname": "gpu-node-b"})
    desk.create(desk.template(linked, expression=careless), pod)
    desk.await_condition(f"pod/{linked}", "condition=Ready", team)

    desk.expect_failed("select-linked", "refuses a device that is good enough")


@pytest.mark.parametrize("seed", range(40))
def test_every_seed_leaves_room_and_makes_every_wish_matter(seed: int) -> None:
    lab = find_lab(SLUG)
    variant = draw_variant(lab.document.parameters, seed)
    slices = [m["spec"] for m in render_manifests(lab, variant) if m["kind"] == "ResourceSlice"]
    [large] = [s for s in slices if s["driver"] == "gpu.assay.dev"]
    [small] = [group for node in render_inventory(lab, variant).nodes for group in node.devices]
    least = [variant[f"{one}_memory"] for one in ("linked", "large", "legacy", "ensemble")]

    # All tasks at once hold 9 large devices, and the grader's probes 3 more.
    assert len(large["devices"]) >= 12
    assert max(least) <= variant["large_capacity"]
    assert variant["least_memory"] <= int(small.memory.removesuffix("Gi")) < min(least)
    # Two tenants fit on the shared card, and one more while the grader looks.
    assert variant["share_capacity"] >= 3 * variant["tenant_memory"]
