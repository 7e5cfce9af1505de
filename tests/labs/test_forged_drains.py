"""Attacks on the lab Taint and drain GPUs: work that a taint should have done, done by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.labs.conftest import Desk, OpenDesk

pytestmark = pytest.mark.cluster

EVICTOR = "system:serviceaccount:kube-system:device-taint-eviction-controller"


@pytest.fixture(scope="module")
def desk(open_desk: OpenDesk) -> Iterator[Desk]:
    """One lab for all attacks; each is about another task."""
    with open_desk("dra-03-taint-and-drain", 21) as desk:
        yield desk


def test_a_pod_deleted_in_the_disguise_of_the_controller_was_not_evicted(desk: Desk) -> None:
    """The taint comes when nobody is left whom it could evict."""
    failing = f"gpu.assay.dev/gpu-node-a/{desk.variant['failing']}"
    [victim] = [pod for pod, at in desk.baseline["chat"].items() if at["device"] == failing]
    serving = ("--namespace", desk.variant["serving"])
    desk.kubectl("cordon", "gpu-node-a")
    desk.kubectl("delete", "pod", victim, *serving, f"--as={EVICTOR}")
    desk.kubectl("wait", f"pod/{victim}", "--for=delete", *serving, "--timeout=30s")
    taint(desk)
    desk.kubectl("uncordon", "gpu-node-a")
    desk.kubectl("rollout", "status", f"deployment/{desk.variant['chat']}", *serving)

    desk.expect_failed("drain-the-device", "was not evicted because of a taint")


def taint(desk: Desk) -> None:
    device = desk.variant["failing"]
    selector = {"driver": "gpu.assay.dev", "pool": "gpu-node-a", "device": device}
    taint = {"key": f"{desk.variant['ops']}.example/failing", "effect": "NoExecute"}
    desk.create(
        {
            "apiVersion": "resource.k8s.io/v1",
            "kind": "DeviceTaintRule",
            "metadata": {"name": "failing"},
            "spec": {"deviceSelector": selector, "taint": taint},
        }
    )


def test_a_rule_that_says_it_was_narrowed_still_hits_what_it_hits(desk: Desk) -> None:
    """Status and annotations are papers: the scheduler goes by the selector."""
    rule = desk.variant["rule"]
    done = {
        "type": "EvictionInProgress",
        "status": "False",
        "reason": "Completed",
        "message": "0 pods evicted",
        "lastTransitionTime": "2026-01-01T00:00:00Z",
    }
    desk.kubectl(
        *("patch", "devicetaintrule", rule, "--subresource=status", "--type=merge"),
        *("--patch", json.dumps({"status": {"conditions": [done]}})),
    )

    desk.expect_failed("repair-the-rule", "does not run with all its replicas")


def test_a_toleration_of_everything_is_no_diagnosis(desk: Desk) -> None:
    """It has the right device, and would have any other that is tainted, too."""
    team, doctor = desk.variant["team"], desk.variant["doctor"]
    uuid = f"SXM-gpu-node-g-{int(desk.variant['quarantined'].rpartition('-')[2]):02d}"
    desk.create(
        desk.template(
            doctor,
            deviceClassName="sxm.assay.dev",
            expression=f"device.attributes['sxm.assay.dev'].uuid == '{uuid}'",
            tolerations=[{"operator": "Exists", "effect": "NoExecute"}],
        ),
        desk.pod(doctor, doctor),
    )
    desk.await_condition(f"pod/{doctor}", "condition=Ready", team)

    desk.expect_failed("diagnose-the-device", "tolerates something else")
