"""Attacks on the lab Claim a GPU: devices, classes and answers that somebody made up."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from graders.report import Outcome
from graders.waiting import wait_until

if TYPE_CHECKING:
    from tests.labs.conftest import Desk

pytestmark = pytest.mark.cluster

DRIVER = "gpu.assay.dev"
NODE = "gpu-node-b"
NEVER_PASSED = {Outcome.FAILED, Outcome.ERROR}


def test_a_report_with_every_possible_answer_is_no_answer(desk: Desk) -> None:
    slices = desk.baseline["inventory"]["slices"].values()
    devices = [device for spec in slices for device in spec["devices"]]
    models = sorted({device["attributes"]["model"]["string"] for device in devices})
    versions = sorted({d["attributes"]["driverVersion"]["version"] for d in devices})
    nodes = sorted(spec["nodeName"] for spec in slices)
    numbers = " ".join(str(number) for number in range(60))
    answers = {
        "gpus": numbers,
        "largest-model": ",".join(models),
        "largest-count": numbers,
        "outdated-node": "\n".join(nodes),
        "outdated-driver": " ".join(versions),
    }
    more = {f"{key}-{value}": value for key, value in product(answers, [*models, *nodes])}

    report(desk, {**answers, **more})

    desk.expect_failed("report-inventory", "'gpus' in ConfigMap inventory is not right")


def test_the_grader_knows_the_inventory_whatever_the_slices_say_by_then(desk: Desk) -> None:
    """The learner makes the cluster fit the report."""
    name, spec = next(iter(desk.baseline["inventory"]["slices"].items()))
    slice_ = desk.get("resourceslice", name)
    slice_["spec"]["devices"] = spec["devices"][:1]
    desk.kubectl("replace", manifests=(slice_,))

    desk.solve("report-inventory")

    desk.expect_failed("report-inventory", f"ResourceSlice {name} is not what the platform")
    slice_ = desk.get("resourceslice", name)
    desk.kubectl("replace", manifests=({**slice_, "spec": spec},))
    desk.expect_failed("report-inventory", "'gpus' in ConfigMap inventory is not right")


def test_a_class_for_another_driver_gives_no_gpu(desk: Desk) -> None:
    roomy = desk.variant["roomy"]
    desk.create(
        slice_of("fake.example.com", "fake"),
        class_of(roomy, "device.driver == 'fake.example.com'"),
        desk.template(roomy, deviceClassName=roomy),
        desk.pod(roomy, roomy),
    )
    desk.await_condition(f"pod/{roomy}", "condition=Ready", desk.variant["team"])

    desk.expect_failed("select-by-memory", "holds what the platform did not publish")


def test_a_pool_of_huge_devices_under_the_platforms_driver_is_not_the_platforms(desk: Desk) -> None:
    roomy = desk.variant["roomy"]
    desk.create(
        slice_of(DRIVER, "fake"),
        desk.template(roomy, expression=f"device.attributes['{DRIVER}'].model == 'Fake'"),
        desk.pod(roomy, roomy),
    )
    desk.await_condition(f"pod/{roomy}", "condition=Ready", desk.variant["team"])

    desk.expect_failed("select-by-memory", "holds what the platform did not publish")


def test_a_pool_for_all_nodes_does_not_answer_for_the_graders_devices(desk: Desk) -> None:
    """The Pod has a real device; what the template admits is shown by probes elsewhere."""
    roomy = desk.variant["roomy"]
    known = f"device.attributes['{DRIVER}'].model in ['Fake', '{desk.variant['large_model']}']"
    desk.create(
        desk.template(roomy, expression=f"{right_rule(desk)} && {known}"), desk.pod(roomy, roomy)
    )
    desk.await_condition(f"pod/{roomy}", "condition=Ready", desk.variant["team"])
    everywhere = slice_of(DRIVER, "fake")
    del everywhere["spec"]["nodeName"]
    everywhere["spec"]["allNodes"] = True
    desk.create(everywhere)

    desk.expect_failed("select-by-memory", "devices that belong to no node")


def test_a_lucky_device_does_not_make_a_rule(desk: Desk) -> None:
    roomy = desk.variant["roomy"]
    uuid = device_that_is_good_enough(desk)["attributes"]["uuid"]["string"]
    desk.create(
        desk.template(roomy, expression=f"device.attributes['{DRIVER}'].uuid == '{uuid}'"),
        desk.pod(roomy, roomy),
    )
    desk.await_condition(f"pod/{roomy}", "condition=Ready", desk.variant["team"])

    desk.expect_failed("select-by-memory", "refuses a device that is good enough")


def test_a_template_beside_a_pod_without_claims_is_not_used(desk: Desk) -> None:
    roomy = desk.variant["roomy"]
    desk.create(desk.template(roomy, expression=right_rule(desk)), desk.pod(roomy))

    desk.expect_failed("select-by-memory", "does not use the template")


def test_the_platforms_class_does_not_do_the_work_of_the_template(desk: Desk) -> None:
    roomy = desk.variant["roomy"]
    class_ = desk.get("deviceclass", DRIVER)
    memory = f"device.capacity['{DRIVER}'].memory"
    rule = f"{memory}.compareTo(quantity('{desk.variant['roomy_memory']}Gi')) >= 0"
    class_["spec"]["selectors"].append({"cel": {"expression": rule}})
    desk.kubectl("replace", manifests=(class_,))
    desk.create(desk.template(roomy), desk.pod(roomy, roomy))

    desk.expect_failed("select-by-memory", f"DeviceClass {DRIVER} is not what the platform")


def test_a_rule_that_adds_to_claims_as_they_come_is_noticed(desk: Desk) -> None:
    """The template says nothing; an admission policy gives every claim the right selector."""
    roomy = desk.variant["roomy"]
    selector = (
        "Object.spec.devices.requests.exactly.selectors{cel: "
        f"Object.spec.devices.requests.exactly.selectors.cel{{expression: {right_rule(desk)!r}}}}}"
    )
    path = "/spec/devices/requests/0/exactly/selectors"
    rewrite(
        desk,
        "resourceclaims",
        "true",
        f"[JSONPatch{{op: 'add', path: '{path}', value: [{selector}]}}]",
    )
    probe = {**desk.template("any"), "kind": "ResourceClaim"}
    probe["spec"] = probe["spec"]["spec"]
    await_effect(
        lambda: (
            "selectors"
            in desk.kubectl("create", "--dry-run=server", "--output", "yaml", manifests=(probe,))
        )
    )
    desk.create(desk.template(roomy), desk.pod(roomy, roomy))
    desk.await_condition(f"pod/{roomy}", "condition=Ready", desk.variant["team"])

    result = desk.check("select-by-memory")["select-by-memory"]

    assert result.outcome is Outcome.ERROR, result
    assert "changed the probe" in result.message


def test_a_rule_that_refuses_the_graders_probes_gains_nothing(desk: Desk) -> None:
    place_by_luck(desk, desk.variant["roomy"])
    policy = policy_for("ValidatingAdmissionPolicy", "pods", "resourceclaims")
    policy["spec"]["validations"] = [{"expression": "request.userInfo.username != 'assay:grader'"}]
    desk.create(policy, binding_of(policy, validationActions=["Deny"]))
    as_grader = ("--as", "assay:grader", "--as-group", "system:masters")
    pod = desk.pod("any")
    await_effect(
        lambda: (
            desk.try_kubectl("create", "--dry-run=server", *as_grader, manifests=(pod,)).returncode
        )
    )

    result = desk.check("select-by-memory")["select-by-memory"]

    assert result.outcome is Outcome.ERROR, result
    assert "mine" in result.message


def test_a_rule_that_rewrites_what_the_scheduler_says_is_noticed(desk: Desk) -> None:
    """The scheduler takes any device; the policy makes a good one of it on its way in."""
    roomy = desk.variant["roomy"]
    good = device_that_is_good_enough(desk)["name"]
    path = "/status/allocation/devices/results/0/device"
    rewrite(
        desk,
        "resourceclaims/status",
        "has(object.status.allocation)",
        f"[JSONPatch{{op: 'replace', path: '{path}', value: '{good}'}}]",
    )
    neighbour = ("--namespace", desk.variant["neighbour"], "--subresource=status")
    await_effect(
        lambda: (
            desk.try_kubectl(
                *("patch", "resourceclaim", "scratch-0", *neighbour, "--dry-run=server"),
                *("--type=merge", "--patch", '{"status": {"devices": []}}'),
            ).returncode
        )
    )
    desk.create(
        desk.template(roomy), desk.pod(roomy, roomy, nodeSelector={"kubernetes.io/hostname": NODE})
    )
    desk.await_condition(f"pod/{roomy}", "condition=Ready", desk.variant["team"])

    result = desk.check("select-by-memory")["select-by-memory"]

    assert result.outcome in NEVER_PASSED
    assert "admission rule" in result.found, result


def test_a_taint_on_every_device_does_not_pass_for_a_strict_template(desk: Desk) -> None:
    place_by_luck(desk, desk.variant["roomy"])
    taint = {"key": "example.com/mine", "value": "yes", "effect": "NoSchedule"}
    rule = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceTaintRule",
        "metadata": {"name": "mine"},
        "spec": {"deviceSelector": {"driver": DRIVER}, "taint": taint},
    }
    desk.create(rule)

    result = desk.check("select-by-memory")["select-by-memory"]

    assert result.outcome is Outcome.ERROR, result


def report(desk: Desk, data: dict[str, str]) -> None:
    metadata = {"name": "inventory", "namespace": desk.variant["team"]}
    desk.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})


def slice_of(driver: str, pool: str) -> dict[str, Any]:
    """Return a slice with one device that is too good to be true."""
    device = {
        "name": "huge",
        "attributes": {"model": {"string": "Fake"}, "driverVersion": {"version": "999.0.0"}},
        "capacity": {"memory": {"value": "10Ti"}},
    }
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{pool}-{driver}-made-up"},
        "spec": {
            "driver": driver,
            "nodeName": NODE,
            "pool": {"name": pool, "generation": 1, "resourceSliceCount": 1},
            "devices": [device],
        },
    }


def class_of(name: str, expression: str) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": {"selectors": [{"cel": {"expression": expression}}]},
    }


def device_that_is_good_enough(desk: Desk) -> dict[str, Any]:
    """Return the last device of the mixed node, which has the most memory."""
    slices = desk.baseline["inventory"]["slices"].values()
    device: dict[str, Any] = next(s for s in slices if s["nodeName"] == NODE)["devices"][-1]
    return device


def place_by_luck(desk: Desk, name: str) -> None:
    """Run a Pod on a good device by a template that would take any on that node."""
    uuid = device_that_is_good_enough(desk)["attributes"]["uuid"]["string"]
    lucky = desk.template(name, expression=f"device.attributes['{DRIVER}'].uuid == '{uuid}'")
    desk.create(lucky, desk.pod(name, name))
    desk.await_condition(f"pod/{name}", "condition=Ready", desk.variant["team"])


def right_rule(desk: Desk) -> str:
    memory, driver = desk.variant["roomy_memory"], desk.variant["minimum_driver"]
    own = f"['{DRIVER}']"
    return (
        f"device.capacity{own}.memory.compareTo(quantity('{memory}Gi')) >= 0 && "
        f"device.attributes{own}.driverVersion.compareTo(semver('{driver}')) >= 0"
    )


def policy_for(kind: str, *resources: str) -> dict[str, Any]:
    rule = {
        "apiGroups": ["", "resource.k8s.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": list(resources),
    }
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": "mine"},
        "spec": {"failurePolicy": "Fail", "matchConstraints": {"resourceRules": [rule]}},
    }


def rewrite(desk: Desk, resource: str, condition: str, patch: str) -> None:
    """Have the API server rewrite objects on their way in."""
    policy = policy_for("MutatingAdmissionPolicy", resource)
    policy["spec"] |= {
        "reinvocationPolicy": "Never",
        "matchConditions": [{"name": "when", "expression": condition}],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }
    desk.create(policy, binding_of(policy))


def await_effect(seen: Callable[[], object]) -> None:
    """Wait until the API server has taken up a policy."""
    wait_until(seen, 30, "The policy has no effect")


def binding_of(policy: dict[str, Any], **spec: Any) -> dict[str, Any]:
    name = policy["metadata"]["name"]
    return {
        "apiVersion": policy["apiVersion"],
        "kind": f"{policy['kind']}Binding",
        "metadata": {"name": name},
        "spec": {"policyName": name, **spec},
    }
