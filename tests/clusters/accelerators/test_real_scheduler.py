"""What an inventory says is honoured by the real scheduler of a real control plane."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.clusters.accelerators.desk import (
    DRA,
    DRIVER,
    NAMESPACE,
    PARTITIONS,
    Desk,
    exactly,
    model,
    wait_until,
)

pytestmark = pytest.mark.cluster


class Claims:
    """Makes claims and takes all of them back at the end."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.names: list[str] = []

    def make(self, requests: list[dict[str, Any]], **devices: Any) -> str:
        self.names.append(self.desk.claim(requests, **devices))
        return self.names[-1]

    def given(self, requests: list[dict[str, Any]], **devices: Any) -> list[dict[str, Any]]:
        return self.desk.given(self.make(requests, **devices))

    def partition(self, profile: str) -> list[dict[str, Any]]:
        found = f"device.attributes['{DRIVER}'].profile == '{profile}'"
        selectors = [{"cel": {"expression": found}}]
        return self.given(exactly({"deviceClassName": PARTITIONS, "selectors": selectors}))

    def share(self, memory: str) -> list[dict[str, Any]]:
        capacity = {"requests": {"memory": memory}} if memory else None
        return self.given(exactly(model("SHARED", **({"capacity": capacity} if capacity else {}))))


@pytest.fixture
def claims(desk: Desk) -> Iterator[Claims]:
    claims = Claims(desk)
    yield claims
    for name in claims.names:
        desk.release(name)


def names(results: list[dict[str, Any]]) -> set[str]:
    return {result["device"] for result in results}


def toleration(key: str, effect: str = "NoSchedule") -> dict[str, Any]:
    """Return a toleration with its effect: without one the scheduler gives the device, and the
    controller evicts all the same (Kubernetes 1.37, devicetainteviction)."""
    return {"tolerations": [{"key": key, "operator": "Exists", "effect": effect}]}


def test_a_device_in_parts_is_not_to_be_had_whole(claims: Claims) -> None:
    part = claims.partition("1g.10gb")

    assert names(part) == {"gpu-0-1g-10gb-0"}
    assert claims.given(exactly(model("CUT"))) == []
    claims.desk.release(claims.names[0])
    wait_until(lambda: claims.desk.results(claims.names[1]))


def test_a_whole_device_leaves_no_parts(claims: Claims) -> None:
    assert names(claims.given(exactly(model("CUT")))) == {"gpu-0"}

    assert claims.partition("1g.10gb") == []


def test_parts_of_two_sizes_share_what_a_device_has(claims: Claims) -> None:
    large = [claims.partition("3g.40gb"), claims.partition("3g.40gb")]

    # Six of seven slices and all of the memory are gone, so one more slice is no use.
    assert all(large)
    assert claims.partition("1g.10gb") == []


def test_as_many_parts_as_there_are_slices_and_no_more(claims: Claims) -> None:
    given = [claims.partition("1g.10gb") for _ in range(8)]

    assert [len(one) for one in given] == [1] * 7 + [0]
    assert len(set().union(*map(names, given))) == 7


def test_the_class_of_whole_devices_never_gives_a_part(claims: Claims) -> None:
    found = f"device.attributes['{DRIVER}'].type == 'partition'"
    wanted = {"deviceClassName": DRIVER, "selectors": [{"cel": {"expression": found}}]}

    assert claims.given(exactly(wanted)) == []


def test_claims_share_a_device_up_to_its_memory(claims: Claims) -> None:
    shares = [claims.share("30Gi"), claims.share("25Gi"), claims.share("")]

    assert [names(one) for one in shares] == [{"gpu-0"}] * 3
    taken = [one[0]["consumedCapacity"]["memory"] for one in shares]
    assert taken == ["30Gi", "30Gi", "20Gi"]  # rounded up to the step; the default
    assert len({one[0]["shareID"] for one in shares}) == 3
    assert claims.share("10Gi") == []


def test_nobody_gets_more_of_a_shared_device_than_its_policy_allows(claims: Claims) -> None:
    assert claims.share("70Gi") == []


def test_a_tainted_device_is_only_for_those_who_tolerate_it(claims: Claims) -> None:
    assert claims.given(exactly(model("KEPT"))) == []
    assert claims.given(exactly(model("KEPT", **toleration("example.com/kept"))))


def test_a_broken_device_is_not_given_out_and_an_unsure_one_is(claims: Claims) -> None:
    assert claims.given(exactly(model("BROKEN"))) == []
    assert claims.given(exactly(model("BROKEN", **toleration(f"{DRIVER}/unhealthy"))))
    assert claims.given(exactly(model("UNSURE")))


def taint_device(desk: Desk, device: str, taints: list[dict[str, str]]) -> None:
    """Publish a device anew with taints, as its driver would."""
    path = f"{DRA}/resourceslices/d-tainted-{DRIVER}"
    published = desk.get(path)
    for entry in published["spec"]["devices"]:
        if entry["name"] == device:
            entry["taints"] = taints
    published["spec"]["pool"]["generation"] += 1
    desk.put(path, published)


def test_a_device_that_breaks_costs_the_pod_its_place_unless_it_tolerates(
    claims: Claims,
) -> None:
    desk = claims.desk
    tolerant = claims.make(exactly(model("FINE", **toleration("example.com/broken", "NoExecute"))))
    wait_until(lambda: desk.runs(tolerant))
    fragile = claims.make(exactly(model("FINE")))
    wait_until(lambda: desk.runs(fragile))
    uid = desk.pod(tolerant)["metadata"]["uid"]
    broken = [{"key": "example.com/broken", "effect": "NoExecute"}]

    try:
        for name in (fragile, tolerant):
            taint_device(desk, desk.results(name)[0]["device"], broken)

        wait_until(lambda: not desk.pod(fragile))
        assert desk.pod(tolerant)["metadata"]["uid"] == uid
        assert "deletionTimestamp" not in desk.pod(tolerant)["metadata"]
    finally:
        for device in ("gpu-3", "gpu-4"):
            taint_device(desk, device, [])


def test_an_administrator_drains_devices_with_a_rule(claims: Claims) -> None:
    desk = claims.desk
    if desk.api.get(f"{DRA}/devicetaintrules").status_code == httpx.codes.NOT_FOUND:
        pytest.skip("this version serves no DeviceTaintRule")
    running = claims.make(exactly(model("FINE")))
    wait_until(lambda: desk.runs(running))
    rule = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceTaintRule",
        "metadata": {"name": "drain"},
        "spec": {
            "deviceSelector": {"driver": DRIVER, "pool": "d-tainted"},
            "taint": {"key": "example.com/drained", "effect": "NoExecute"},
        },
    }

    desk.post(f"{DRA}/devicetaintrules", rule)
    try:
        wait_until(lambda: not desk.pod(running))
        assert claims.given(exactly(model("FINE"))) == []
    finally:
        desk.api.delete(f"{DRA}/devicetaintrules/drain")


@pytest.mark.parametrize(("attribute", "together"), [("nvlinkIsland", 2), ("numaNode", 4)])
def test_devices_that_must_match_come_from_one_place(
    claims: Claims, attribute: str, together: int
) -> None:
    def ask(count: int) -> list[dict[str, Any]]:
        requests = [{"name": "gpus", "exactly": model("LINKED", count=count)}]
        same = {"requests": ["gpus"], "matchAttribute": f"{DRIVER}/{attribute}"}
        return claims.given(requests, constraints=[same])

    found = [claims.desk.device(result) for result in ask(together)]
    assert len({device["attributes"][attribute]["int"] for device in found}) == 1
    assert ask(together + 1) == []


def test_devices_of_several_drivers_can_match_by_the_standard_attribute(claims: Claims) -> None:
    requests = [{"name": "gpus", "exactly": model("LINKED", count=4)}]
    same = {"requests": ["gpus"], "matchAttribute": "resource.kubernetes.io/numaNode"}

    assert len(claims.given(requests, constraints=[same])) == 4


def test_the_second_choice_is_given_when_the_first_is_gone(claims: Claims) -> None:
    choices = [
        {"name": "best", **model("CUT")},
        {"name": "next", **model("LINKED", count=2)},
    ]
    requests = [{"name": "gpu", "firstAvailable": choices}]

    first, second = claims.given(requests), claims.given(requests)

    assert [result["request"] for result in first] == ["gpu/best"]
    assert [result["request"] for result in second] == ["gpu/next"] * 2


def test_a_pod_can_ask_for_a_device_as_an_extended_resource(desk: Desk) -> None:
    desk.run_pod("plain", {"limits": {"assay.dev/gpu": "1"}})
    try:
        wait_until(lambda: desk.runs("plain"))
        claim = desk.pod("plain")["status"]["extendedResourceClaimStatus"]["resourceClaimName"]
        assert len(desk.results(claim)) == 1
    finally:
        desk.api.delete(f"/api/v1{NAMESPACE}/pods/plain", params={"gracePeriodSeconds": 0})
