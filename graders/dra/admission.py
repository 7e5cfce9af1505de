"""Admission: which devices a claim would take, whatever devices there are today.

A claim that knows today's hardware by heart gets the right device today. To tell it from a claim
that says what is needed, the grader publishes devices that nobody has seen, some just good enough
and some just not, and asks the real scheduler for them until it refuses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import Any

from graders.checks import CheckFailed, expect
from graders.dra.inventory import Inventory
from graders.dra.unseen import UnseenDevice, unseen_node
from graders.view import ClusterView

_CONTROL = UnseenDevice("control", "1Mi", "0.0.0")


def claims_granted(
    cluster: ClusterView,
    inventory: Inventory,
    spec: Mapping[str, Any],
    devices: Sequence[UnseenDevice],
) -> list[frozenset[str]]:
    """Claim by the same spec again and again until the scheduler refuses.

    Args:
        cluster: the cluster.
        inventory: names the driver and the class of the devices.
        spec: spec of a ResourceClaim, as a template holds it.
        devices: what there is to be had.

    Returns:
        For each claim that was granted the names of its devices.

    Raises:
        CheckFailed: a claim was given a device of somebody else.
        GradingError: the scheduler does not decide, or something interferes with the probes.
    """
    with unseen_node(cluster, inventory, [_CONTROL, *devices]) as node, ExitStack() as probes:
        # A control before: the scheduler works and knows the new devices.
        probes.enter_context(node.hold([_CONTROL.name]))
        granted: list[frozenset[str]] = []
        while given := probes.enter_context(node.claim(spec)):
            granted.append(given)
        # A control behind: what was refused was free, so it was the claim that did not admit it.
        if rest := {device.name for device in devices}.difference(*granted):
            tainted = any("taints" in device.more for device in devices)
            probes.enter_context(node.hold(sorted(rest), whatever_taints=tainted))
        node.expect_undisturbed()
        return granted


def expect_admits(
    cluster: ClusterView,
    inventory: Inventory,
    template: Mapping[str, Any],
    *,
    good: Sequence[UnseenDevice],
    bad: Sequence[UnseenDevice],
    rule: str,
) -> None:
    """Fail unless claims of a ResourceClaimTemplate take one device each, and only good ones.

    Args:
        cluster: the cluster.
        inventory: names the driver and the class of the devices.
        template: the ResourceClaimTemplate.
        good: devices that are just good enough.
        bad: devices that just are not.
        rule: what makes a device good, in the words of the task.

    Raises:
        CheckFailed: a bad device is taken, a good one refused, or more than one taken at once.
        GradingError: it could not be found out.
    """
    name = f"ResourceClaimTemplate {template['metadata']['name']}"
    granted = claims_granted(cluster, inventory, template["spec"]["spec"], [*bad, *good])
    given = frozenset[str]().union(*granted)
    taken = [device.name for device in bad if device.name in given]
    if taken:
        raise CheckFailed(
            f"The {name} admits a device that is not good enough",
            expected=f"only devices with {rule}",
            found=f"it takes {' and '.join(taken)}",
            hint="Does it state every condition, and are numbers, units and versions compared "
            "as what they are?",
        )
    refused = [device.name for device in good if device.name not in given]
    if refused:
        raise CheckFailed(
            f"The {name} refuses a device that is good enough",
            expected=f"every device with {rule}",
            found=f"it refuses {' and '.join(refused)}",
            hint="At least includes equal, and the next GPU is a model nobody has heard of yet.",
        )
    expect(
        all(len(devices) == 1 for devices in granted),
        f"A claim made from the {name} takes more than one device",
        expected="one device",
        found=" and ".join(str(len(devices)) for devices in granted),
        hint="kubectl explain resourceclaimtemplate.spec.spec.devices.requests.exactly",
    )
