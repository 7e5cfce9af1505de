"""The driver keeps ResourceSlices as they should be, and tells of health."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.clusters.accelerators.desk import DRA, DRIVER, EVERYTHING, exactly, model, wait_until
from tests.clusters.accelerators.driving import Driving

pytestmark = pytest.mark.cluster

SLICES = f"{DRA}/resourceslices"
WITH_DEVICES = {node.name for node in EVERYTHING.nodes if node.devices}


def slices(driver: Driving) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in driver.desk.get(SLICES)["items"]}


def specs(driver: Driving) -> dict[str, Any]:
    """Return what slices say, without generations and times."""
    found = {}
    for name, one in slices(driver).items():
        spec = one["spec"]
        spec["pool"].pop("generation")
        for device in spec.get("devices", ()):
            for taint in device.get("taints", ()):
                taint.pop("timeAdded", None)
        found[name] = spec
    return found


def settled(driver: Driving) -> None:
    """Let the kubelet of every node take the driver: it publishes the devices of no other node."""
    for node in EVERYTHING.nodes:
        if node.devices:
            driver.kubelet(node.name)
    wait_until(lambda: {s["spec"]["nodeName"] for s in slices(driver).values()} >= WITH_DEVICES)


def test_the_driver_publishes_what_the_embedded_provider_does(driver: Driving) -> None:
    settled(driver)
    before = specs(driver)

    for name in before:
        driver.desk.remove_at_once(f"{SLICES}/{name}")

    wait_until(lambda: slices(driver).keys() == before.keys())
    assert specs(driver) == before
    owners = [one["metadata"]["ownerReferences"][0] for one in slices(driver).values()]
    assert {owner["kind"] for owner in owners} == {"Node"}


def test_what_is_right_is_left_alone(driver: Driving) -> None:
    settled(driver)
    before = {name: one["metadata"]["resourceVersion"] for name, one in slices(driver).items()}
    gone = f"d-tainted-{DRIVER}"

    driver.desk.remove_at_once(f"{SLICES}/{gone}")
    wait_until(lambda: gone in slices(driver))

    after = {name: one["metadata"]["resourceVersion"] for name, one in slices(driver).items()}
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {gone}


def test_a_slice_that_somebody_changed_is_put_right_as_a_new_generation(driver: Driving) -> None:
    settled(driver)
    name = f"a-linked-{DRIVER}"
    before = slices(driver)[name]
    forged = json.loads(json.dumps(before))
    forged["spec"]["devices"] = forged["spec"]["devices"][:1]

    driver.desk.put(f"{SLICES}/{name}", forged)

    wait_until(lambda: len(slices(driver)[name]["spec"]["devices"]) == 8)
    generation = slices(driver)[name]["spec"]["pool"]["generation"]
    assert generation > before["spec"]["pool"]["generation"]


def test_slices_of_other_nodes_and_drivers_are_left_alone(driver: Driving) -> None:
    foreign = [
        {"driver": DRIVER, "nodeName": "elsewhere", "pool": pool("elsewhere")},
        {"driver": "nic.assay.dev", "nodeName": "a-linked", "pool": pool("a-linked")},
    ]
    for number, spec in enumerate(foreign):
        document = {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceSlice",
            "metadata": {"name": f"foreign-{number}"},
            "spec": {**spec, "devices": [{"name": "x"}]},
        }
        driver.desk.post(SLICES, document)
    settled(driver)
    driver.desk.remove_at_once(f"{SLICES}/a-linked-{DRIVER}")

    wait_until(lambda: f"a-linked-{DRIVER}" in slices(driver))
    assert {"foreign-0", "foreign-1"} <= slices(driver).keys()
    for number in range(2):
        driver.desk.remove(f"{SLICES}/foreign-{number}")


def pool(name: str) -> dict[str, Any]:
    return {"name": name, "generation": 1, "resourceSliceCount": 1}


def test_a_kubelet_hears_of_the_health_of_every_device(driver: Driving) -> None:
    with driver.kubelet("d-tainted").health() as news:
        report = next(news)

    assert report == {
        "gpu-0": "HEALTHY",
        "gpu-1": "UNHEALTHY",
        "gpu-2": "UNKNOWN",
        "gpu-3": "HEALTHY",
        "gpu-4": "HEALTHY",
    }


def test_a_device_that_breaks_is_told_and_given_to_nobody_until_it_works(driver: Driving) -> None:
    states, desk = driver.settings.states, driver.desk
    broken = {f"d-tainted/gpu-{n}": "unhealthy" for n in (3, 4)}

    with driver.kubelet("d-tainted").health() as news:
        next(news)
        states.write_text(json.dumps(broken), encoding="utf-8")
        report = next(news)
        assert (report["gpu-3"], report["gpu-4"]) == ("UNHEALTHY", "UNHEALTHY")
        wait_until(lambda: len(tainted(driver)) == 4)
        waiting = desk.claim(exactly(model("FINE")))
        assert desk.given(waiting) == []
        states.unlink()
        report = next(news)
        assert (report["gpu-3"], report["gpu-4"]) == ("HEALTHY", "HEALTHY")

    wait_until(lambda: desk.results(waiting))


def tainted(driver: Driving) -> set[str]:
    devices = slices(driver)[f"d-tainted-{DRIVER}"]["spec"]["devices"]
    return {device["name"] for device in devices if device.get("taints")}


def test_a_part_is_as_healthy_as_its_device(driver: Driving) -> None:
    driver.settings.states.write_text('{"b-cut/gpu-0": "unhealthy"}', encoding="utf-8")

    with driver.kubelet("b-cut").health() as news:
        wait_until(lambda: set(next(news).values()) == {"UNHEALTHY"})
    driver.settings.states.unlink()
    wait_until(
        lambda: not any("taints" in d for d in slices(driver)[f"b-cut-{DRIVER}"]["spec"]["devices"])
    )
