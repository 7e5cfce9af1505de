"""Attacks on the lab Claim a GPU: workloads that only look repaired or released."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.labs.conftest import Desk

pytestmark = pytest.mark.cluster

NODE = "gpu-node-b"


@pytest.fixture
def deployment(desk: Desk) -> Iterator[dict[str, Any]]:
    """The broken Deployment, broken again afterwards."""
    before = desk.get("deployment", desk.variant["chat"], desk.variant["serving"])
    yield before
    spec = json.dumps([{"op": "replace", "path": "/spec", "value": before["spec"]}])
    desk.kubectl("patch", *chat(desk), "--type=json", "--patch", spec)
    desk.kubectl("delete", "pods", "--all", "--namespace", desk.variant["serving"], "--now")


@pytest.mark.usefixtures("deployment")
def test_a_deployment_scaled_down_is_not_repaired(desk: Desk) -> None:
    desk.kubectl("scale", *chat(desk), "--replicas=1")

    desk.expect_failed("repair-workload", "scaled down")


@pytest.mark.usefixtures("deployment")
def test_pods_bound_and_called_running_by_hand_are_not_repaired(desk: Desk) -> None:
    serving = desk.variant["serving"]
    path = "jsonpath={.items[*].metadata.name}"
    for pod in desk.kubectl("get", "pods", "--namespace", serving, "--output", path).split():
        binding = {
            "apiVersion": "v1",
            "kind": "Binding",
            "metadata": {"name": pod},
            "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
        }
        raw = f"/api/v1/namespaces/{serving}/pods/{pod}/binding"
        desk.kubectl("create", "--raw", raw, manifests=(binding,))
        desk.await_condition(f"pod/{pod}", "condition=Ready", serving)

    desk.expect_failed("repair-workload", "not chosen by the scheduler")


@pytest.mark.usefixtures("deployment")
def test_a_node_named_in_the_pod_template_is_no_repair(desk: Desk) -> None:
    bypass = '{"spec": {"template": {"spec": {"nodeName": "gpu-node-b"}}}}'
    desk.kubectl("patch", *chat(desk), "--patch", bypass)
    desk.kubectl("rollout", "status", *chat(desk), "--timeout=30s")

    desk.expect_failed("repair-workload", "More than the claim")


@pytest.mark.usefixtures("deployment")
def test_one_claim_for_all_replicas_is_no_repair(desk: Desk) -> None:
    serving = desk.variant["serving"]
    spec = desk.template("any")["spec"]["spec"]
    metadata = {"name": "shared", "namespace": serving}
    desk.create(
        {**desk.template("any"), "kind": "ResourceClaim", "metadata": metadata, "spec": spec}
    )
    entry = [{"name": "device", "resourceClaimName": "shared"}]
    change = [
        {"op": "replace", "path": "/spec/template/spec/resourceClaims", "value": entry},
        {
            "op": "remove",
            "path": "/spec/template/spec/containers/0/resources/claims/0/request",
        },
    ]
    desk.kubectl("patch", *chat(desk), "--type=json", "--patch", json.dumps(change))
    desk.kubectl("rollout", "status", *chat(desk), "--timeout=30s")

    desk.expect_failed("repair-workload", "More than the claim")


@pytest.mark.usefixtures("deployment")
def test_pods_of_ones_own_beside_the_deployment_are_no_repair(desk: Desk) -> None:
    """They carry the labels and the owner of the Deployment's Pods, and run without a claim."""
    serving, name = desk.variant["serving"], desk.variant["chat"]
    desk.kubectl("delete", "pods", "--all", "--namespace", serving, "--now")
    owner = json.loads(
        desk.kubectl("get", "replicasets", "--namespace", serving, "--output", "json")
    )["items"][0]
    for number in range(2):
        pod = desk.pod(f"{name}-{number}")
        pod["metadata"] |= {
            "namespace": serving,
            "labels": owner["spec"]["selector"]["matchLabels"],
            "ownerReferences": [
                {
                    "apiVersion": "apps/v1",
                    "kind": "ReplicaSet",
                    "name": owner["metadata"]["name"],
                    "uid": owner["metadata"]["uid"],
                    "controller": True,
                }
            ],
        }
        desk.try_kubectl("create", manifests=(pod,))

    desk.expect_failed("repair-workload", "does not run with all its replicas")


@pytest.mark.usefixtures("deployment")
def test_a_deployment_that_was_scaled_to_nothing_stays_so_for_the_grader(desk: Desk) -> None:
    """The last attack on it in this lab: nothing can make it good again."""
    desk.kubectl("scale", *chat(desk), "--replicas=0")
    desk.expect_failed("repair-workload", "was scaled to zero at")
    desk.kubectl("scale", *chat(desk), "--replicas=2")
    desk.solve("repair-workload")

    desk.expect_failed("repair-workload", "was scaled to zero at")


def test_pods_called_completed_still_hold_their_devices(desk: Desk) -> None:
    """The claim controller believes the status; the Pod, on a real node, would run on."""
    nightly = ("--namespace", desk.variant["nightly"])
    done = '{"status": {"phase": "Succeeded"}}'
    desk.kubectl(
        *("patch", "pod", "debug-shell", *nightly),
        *("--subresource=status", "--type=merge", "--patch", done),
    )

    desk.expect_failed("release-devices", "Pod debug-shell")


def test_claims_pulled_from_under_running_pods_are_not_released(desk: Desk) -> None:
    nightly = ("--namespace", desk.variant["nightly"])
    for claim in ("scratch-0", "scratch-1", "spare"):
        desk.kubectl("delete", "resourceclaim", claim, *nightly, "--wait=false")
        desk.try_kubectl(
            *("patch", "resourceclaim", claim, *nightly, "--type=merge"),
            *("--patch", '{"metadata": {"finalizers": null}}'),
        )

    desk.expect_failed("release-devices", "Pod debug-shell")


def test_a_quota_that_keeps_pods_from_coming_back_releases_nothing_for_long(desk: Desk) -> None:
    nightly = ("--namespace", desk.variant["nightly"])
    desk.kubectl("create", "quota", "none", "--hard=pods=0", *nightly)
    desk.kubectl("delete", "pods,resourceclaims", "--all", *nightly, "--timeout=30s")

    desk.expect_failed("release-devices", "Deployment retry")
    desk.kubectl("delete", "quota", "none", *nightly)


def test_a_neighbour_made_again_is_another_neighbour(desk: Desk) -> None:
    neighbour = desk.variant["neighbour"]
    desk.solve("release-devices")
    desk.check("release-devices")
    before = [
        desk.get("resourceclaim", "scratch-0", neighbour),
        desk.get("pod", "render", neighbour),
    ]

    desk.kubectl("delete", "pod,resourceclaim", "--all", "--namespace", neighbour, "--now")
    again = [
        {
            "apiVersion": one["apiVersion"],
            "kind": one["kind"],
            "metadata": {"name": one["metadata"]["name"], "namespace": neighbour},
            "spec": {k: v for k, v in one["spec"].items() if k != "nodeName"},
        }
        for one in before
    ]
    desk.create(*again)
    desk.await_condition("pod/render", "condition=Ready", neighbour)

    desk.expect_failed("release-devices", "was deleted and made again at")


def chat(desk: Desk) -> tuple[str, ...]:
    return ("deployment", desk.variant["chat"], "--namespace", desk.variant["serving"])
