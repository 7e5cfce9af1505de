"""Task: keep admin access in one place."""

from collections.abc import Mapping
from typing import Any

from asking import claim, expect_accepted, expect_refused, wish

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched, running_pod
from graders.dra.scheduling import (
    expect_bound_by_scheduler,
    expect_chosen_by_scheduler,
    results_of,
)

NODE = "gpu-node-b"
LABEL = "kubectl get namespaces --show-labels"


@check("confine-admin-access")
def test_one_namespace_may_look_at_devices_that_others_use(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventory"]
    expect_untouched(cluster, inventory)
    asked = wish(adminAccess=True)
    monitoring = variant["monitoring"]
    expect_accepted(
        cluster,
        claim(monitoring, variant, asked),
        f"A claim with admin access in {monitoring}",
        LABEL,
    )
    for name in ("red", "blue", "green", "lime", "yellow", "records"):
        space = variant[name]
        what = f"A claim with admin access in {space}"
        expect_refused(cluster, claim(space, variant, asked), what, "", LABEL)
        what = f"An ordinary claim in {space}"
        expect_accepted(cluster, claim(space, variant, wish()), what, LABEL)
    _expect_watcher(cluster, variant["watcher"], monitoring, inventory)


def _expect_watcher(
    cluster: ClusterView, name: str, namespace: str, inventory: Mapping[str, Any]
) -> None:
    """Fail unless a Pod sees every device of its node, and holds none."""
    pod = running_pod(cluster, name, namespace)
    expect_bound_by_scheduler(cluster, pod)
    statuses = pod["status"].get("resourceClaimStatuses") or ()
    made = {status["name"]: status.get("resourceClaimName") for status in statuses}
    entries = pod["spec"].get("resourceClaims") or ()
    claims = [
        cluster.get(
            "ResourceClaim", entry.get("resourceClaimName") or made[entry["name"]], namespace
        )
        for entry in entries
    ]
    used = {
        use["name"]
        for container in pod["spec"]["containers"]
        for use in (container.get("resources") or {}).get("claims") or ()
    }
    expect(
        claims and used == {entry["name"] for entry in entries},
        f"No container of the Pod {name} uses a claim",
        expected="a claim with admin access, used by its container",
        found=", ".join(sorted(used)) or "none",
        hint="kubectl explain pod.spec.containers.resources.claims",
    )
    seen: set[str] = set()
    for found in claims:
        expect_chosen_by_scheduler(cluster, found, pod)
        results = found["status"]["allocation"]["devices"]["results"]
        expect(
            all(result.get("adminAccess") for result in results),
            f"The claim {found['metadata']['name']} takes devices away from others",
            expected="adminAccess: true",
            found="an ordinary request",
            hint="kubectl explain resourceclaim.spec.devices.requests.exactly.adminAccess",
        )
        seen |= {result.device for result in results_of(found)}
    there = {device for device in inventory["devices"] if device.split("/")[1] == NODE}
    expect(
        seen == there,
        f"The Pod {name} does not see exactly the devices of {NODE}",
        expected=f"all {len(there)} of them, also those in use",
        found=f"{len(seen & there)} of them"
        + (f", and {len(seen - there)} others" if seen - there else ""),
        hint="kubectl explain resourceclaim.spec.devices.requests.exactly.allocationMode",
    )
