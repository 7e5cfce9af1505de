"""Task: repair a taint that hits too much."""

from collections.abc import Mapping
from typing import Any

from taints import can_be_had, tolerating

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched, placement_of, running_pods_of

DRIVER = "oam.assay.dev"


@check("repair-the-rule")
def test_every_device_but_the_broken_one_can_be_had(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"][DRIVER]
    expect_untouched(cluster, inventory)
    broken = f"{DRIVER}/{variant['broken_node']}/{variant['broken']}"
    deployment = cluster.get("Deployment", variant["batch"], variant["rendering"])
    pods = running_pods_of(cluster, deployment, deployment["spec"]["replicas"])
    placements = [placement_of(cluster, pod, variant["rendering"], inventory) for pod in pods]
    used = {device for placement in placements for device in placement.all_devices}
    healthy = inventory["devices"].keys() - {broken}
    expect(
        used == healthy,
        f"The Pods of {variant['batch']} do not use exactly the devices that are in order",
        expected="every device of the driver but the one with the broken fan",
        found=", ".join(sorted(used)),
        hint="Which device does the driver itself call broken?",
    )

    key = f"{variant['ops']}.example/fan"
    expect(
        not can_be_had(cluster, DRIVER, inventory["devices"][broken]),
        "The device with the broken fan can be given to anybody",
        expected="only to claims that tolerate its taint",
        found="no taint that keeps claims away",
        hint="kubectl get devicetaintrules --output yaml: which devices does each select?",
    )
    expect(
        can_be_had(cluster, DRIVER, inventory["devices"][broken], tolerating(key, "NoSchedule")),
        "The taint of the device with the broken fan is another one than it was",
        expected=f"{key} of effect NoSchedule",
        found="a taint of another key or effect, or one more",
        hint="Only what the rule selects has to change.",
    )
    for name in sorted(healthy):
        expect(
            can_be_had(cluster, DRIVER, inventory["devices"][name]),
            f"The device {name} is tainted, though nothing is wrong with it",
            expected="no taint that keeps claims away",
            found="tainted",
            hint="kubectl get devicetaintrules --output yaml: which devices does each select?",
        )
