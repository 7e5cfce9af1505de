"""Attacks on the lab Claim a GPU: Pods and claims that look as if the scheduler had been there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from graders.report import Outcome

if TYPE_CHECKING:
    from tests.labs.conftest import Desk

pytestmark = pytest.mark.cluster

NODE = "gpu-node-b"
AS_SCHEDULER = ("--as", "system:kube-scheduler", "--as-group", "system:masters")


def test_labels_and_annotations_decide_nothing(desk: Desk) -> None:
    names = [desk.variant["trainer"], desk.variant["duo"], desk.variant["roomy"]]
    names += [f"{desk.variant['trial']}-{letter}" for letter in "ab"]
    for name in names:
        desk.create(desk.pod(name))
        desk.await_condition(f"pod/{name}", "condition=Ready", desk.variant["team"])
    for verb in ("label", "annotate"):
        for what in ("pods", "namespaces", "deployments", "resourceclaims"):
            where = () if what == "namespaces" else ("--all-namespaces",)
            desk.try_kubectl(
                verb, what, "--all", *where, "assay.dev/done=true", "assay.dev/devices=gpu-0"
            )

    results = desk.check()

    assert {result.outcome for result in results.values()} == {Outcome.FAILED}


def test_a_pod_without_claims_is_no_trainer(desk: Desk) -> None:
    desk.create(desk.pod(desk.variant["trainer"]))

    desk.expect_failed("claim-devices", "does not use the devices")


def test_a_pod_whose_template_nobody_made_is_not_done_and_no_error_of_ours(desk: Desk) -> None:
    """The scheduler passes over such a Pod without a word."""
    pod = desk.variant["trainer"]
    desk.create(desk.pod(pod, pod))

    desk.expect_failed("claim-devices", f"ResourceClaimTemplate {pod}, which the Pod names")


@pytest.mark.parametrize("identity", [(), AS_SCHEDULER], ids=["as-learner", "as-scheduler"])
def test_a_claim_allocated_and_a_pod_bound_by_hand_do_not_count(
    desk: Desk, identity: tuple[str, ...]
) -> None:
    pod, wanted = desk.variant["trainer"], desk.variant["trainer_devices"]
    impossible = "device.attributes['gpu.assay.dev'].model == 'none'"
    desk.create(desk.template(pod, wanted, impossible), desk.pod(pod, pod))

    allocate(desk, pod, [f"gpu-{number}" for number in range(wanted)], *identity)
    bind(desk, pod, *identity)
    desk.await_condition(f"pod/{pod}", "condition=Ready", desk.variant["team"])

    assert desk.get("pod", pod, desk.variant["team"])["status"]["phase"] == "Running"
    desk.expect_failed("claim-devices", "not chosen by the scheduler")


def test_a_status_that_says_running_is_not_believed(desk: Desk) -> None:
    pod = desk.variant["trainer"]
    desk.create(desk.template(pod, 100), desk.pod(pod, pod))
    desk.claim_of(pod)

    ready = {"type": "Ready", "status": "True"}
    desk.patch_status("pod", pod, {"phase": "Running", "conditions": [ready]})

    desk.expect_failed("claim-devices", "has no node")


def test_devices_chosen_by_hand_before_the_scheduler_binds_do_not_count(desk: Desk) -> None:
    pod, wanted = desk.variant["trainer"], desk.variant["trainer_devices"]
    gated = desk.pod(pod, pod, schedulingGates=[{"name": "example.com/wait"}])
    desk.create(desk.template(pod, wanted), gated)

    allocate(desk, pod, [f"gpu-{number}" for number in range(wanted)])
    desk.kubectl(
        *("patch", "pod", pod, "--namespace", desk.variant["team"], "--type=json"),
        *("--patch", '[{"op": "remove", "path": "/spec/schedulingGates"}]'),
    )
    desk.await_condition(f"pod/{pod}", "condition=Ready", desk.variant["team"])

    desk.expect_failed("claim-devices", "not chosen by the scheduler")


def test_a_controllers_token_is_not_the_schedulers(desk: Desk) -> None:
    """A cluster-admin gets a token for any ServiceAccount, so controllers prove nothing."""
    pod = desk.variant["trainer"]
    desk.create(desk.template(pod, 100), desk.pod(pod, pod))
    account = "resource-claim-controller"
    token = desk.kubectl("create", "token", account, "--namespace", "kube-system").strip()
    rights = ("--clusterrole=cluster-admin", f"--serviceaccount=kube-system:{account}")
    desk.kubectl("create", "clusterrolebinding", "everything", *rights)

    allocate(desk, pod, ["gpu-0", "gpu-1", "gpu-2"], "--kubeconfig", with_token(desk, token))
    desk.await_condition(f"pod/{pod}", "condition=Ready", desk.variant["team"])
    desk.kubectl("delete", "clusterrolebinding", "everything")

    desk.expect_failed("claim-devices", f"written by system:serviceaccount:kube-system:{account}")


def test_a_node_named_in_the_pod_bypasses_nothing(desk: Desk) -> None:
    pod, wanted = desk.variant["trainer"], desk.variant["trainer_devices"]
    desk.create(desk.template(pod, wanted), desk.pod(pod, pod, nodeName=NODE))
    desk.await_condition(f"pod/{pod}", "condition=Ready", desk.variant["team"])

    desk.expect_failed("claim-devices", "not chosen by the scheduler")


def test_a_scheduler_of_ones_own_is_not_the_scheduler(desk: Desk) -> None:
    pod, wanted = desk.variant["trainer"], desk.variant["trainer_devices"]
    desk.create(desk.template(pod, wanted), desk.pod(pod, pod, schedulerName="mine"))

    allocate(desk, pod, [f"gpu-{number}" for number in range(wanted)])
    bind(desk, pod)
    desk.await_condition(f"pod/{pod}", "condition=Ready", desk.variant["team"])

    desk.expect_failed("claim-devices", "not chosen by the scheduler")


def test_a_copy_of_another_pods_annotations_and_claim_is_not_a_device(desk: Desk) -> None:
    team, first, second = desk.variant["team"], *(f"{desk.variant['trial']}-{x}" for x in "ab")
    desk.create(desk.template("trial"), desk.pod(first, "trial"), desk.pod("donor", "trial"))
    desk.await_condition("pod/donor", "condition=Ready", team)
    donated, uid = desk.claim_of("donor"), desk.get("pod", "donor", team)["metadata"]["uid"]

    copy = desk.pod(second, "trial", nodeName=NODE)
    copy["metadata"]["annotations"] = {"resource.kubernetes.io/pod-claim-name": "gpus"}
    copy["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Pod", "name": "donor", "uid": uid}
    ]
    desk.create(copy)
    desk.claim_of(second)
    statuses = [{"name": "gpus", "resourceClaimName": donated}]
    desk.patch_status("pod", second, {"resourceClaimStatuses": statuses})
    desk.await_condition(f"pod/{second}", "condition=Ready", team)

    assert desk.check("separate-devices")["separate-devices"].outcome is Outcome.FAILED


def test_devices_that_are_only_watched_are_nobodys(desk: Desk) -> None:
    pod, team = desk.variant["trainer"], desk.variant["team"]
    desk.kubectl("label", "namespace", team, "resource.kubernetes.io/admin-access=true")
    watching = desk.template(pod, desk.variant["trainer_devices"], adminAccess=True)
    desk.create(watching, desk.pod(pod, pod))
    desk.await_condition(f"pod/{pod}", "condition=Ready", team)

    desk.expect_failed("claim-devices", "adminAccess")


def test_devices_added_after_the_scheduler_do_not_count(desk: Desk) -> None:
    pod, wanted = desk.variant["trainer"], desk.variant["trainer_devices"]
    desk.create(desk.template(pod, 1), desk.pod(pod, pod))
    desk.await_condition(f"pod/{pod}", "condition=Ready", desk.variant["team"])
    desk.expect_failed("claim-devices", f"{wanted} GPUs that its container may use | 1")

    nothing = {"allocation": None, "reservedFor": None}
    desk.patch_status("resourceclaim", desk.claim_of(pod), nothing)
    allocate(desk, pod, [f"gpu-{number}" for number in range(wanted)])

    desk.expect_failed("claim-devices", "written by learner")


def allocate(desk: Desk, pod: str, devices: list[str], *options: str) -> None:
    """Write into a claim's status what the scheduler would have written."""
    uid = desk.get("pod", pod, desk.variant["team"])["metadata"]["uid"]
    here = {"key": "metadata.name", "operator": "In", "values": [NODE]}
    results = [
        {"request": "gpu", "driver": "gpu.assay.dev", "pool": NODE, "device": device}
        for device in devices
    ]
    status: dict[str, Any] = {
        "allocation": {
            "devices": {"results": results},
            "nodeSelector": {"nodeSelectorTerms": [{"matchFields": [here]}]},
        },
        "reservedFor": [{"resource": "pods", "name": pod, "uid": uid}],
    }
    desk.patch_status("resourceclaim", desk.claim_of(pod), status, *options)


def bind(desk: Desk, pod: str, *options: str) -> None:
    """Do what only the scheduler should: bind a Pod to a node, if it is not faster."""
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": pod},
        "target": {"apiVersion": "v1", "kind": "Node", "name": NODE},
    }
    path = f"/api/v1/namespaces/{desk.variant['team']}/pods/{pod}/binding"
    done = desk.try_kubectl("create", "--raw", path, *options, manifests=(binding,))
    assert done.returncode == 0 or "already assigned" in done.stderr, done.stderr


def with_token(desk: Desk, token: str) -> str:
    """Return the file of a kubeconfig that holds a token in place of the learner's key."""
    config = yaml.safe_load(Path(desk.environment["KUBECONFIG"]).read_text())
    config["users"][0]["user"] = {"token": token}
    path = Path(desk.environment["HOME"]) / "token.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return str(path)
