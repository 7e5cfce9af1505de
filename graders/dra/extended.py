"""Extended resources: devices of a Pod that asks in the old way, by a number beside its CPUs.

The scheduler makes the claim for such a Pod itself (KEP-5004), so that nothing in the Pod names a
claim; the Pod's status does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graders.checks import expect
from graders.dra.inventory import Inventory, expect_published
from graders.dra.placement import running_pod
from graders.dra.scheduling import (
    expect_bound_by_scheduler,
    expect_chosen_by_scheduler,
    results_of,
)
from graders.errors import AuditIncomplete, ProbeRefused
from graders.view import ClusterView

Object = Mapping[str, Any]


def bridged_devices(
    cluster: ClusterView, name: str, namespace: str, inventory: Inventory
) -> frozenset[str]:
    """Return the ids of the devices that a running Pod has for an extended resource.

    Raises:
        CheckFailed: it does not run, has no claim of its own, or the scheduler did not choose
            its node and devices among the platform's.
        AuditIncomplete: the audit log cannot tell.
        ProbeRefused: somebody removes the Pod meanwhile, or caught the grader's own with devices
            that they made up.
    """
    pod = running_pod(cluster, name, namespace)
    expect_bound_by_scheduler(cluster, pod)
    claim = _claim_of(cluster, pod)
    try:
        expect_chosen_by_scheduler(cluster, claim, pod)
    except AuditIncomplete as error:
        if cluster.get("Pod", name, namespace)["metadata"].get("deletionTimestamp"):
            raise ProbeRefused(f"Somebody removes the Pod {name} under the check") from error
        raise
    given = frozenset(result.device for result in results_of(claim))
    expect_published(f"The Pod {name}", given, inventory, pod)
    return given


def _claim_of(cluster: ClusterView, pod: Object) -> Object:
    metadata = pod["metadata"]
    status = pod["status"].get("extendedResourceClaimStatus") or {}
    name = status.get("resourceClaimName")
    claim = cluster.find("ResourceClaim", name, metadata["namespace"]) if name else None
    if claim is None:
        # Gone meanwhile, with its claim: then it is that.
        cluster.get("Pod", metadata["name"], metadata["namespace"])
    owners = (claim or {}).get("metadata", {}).get("ownerReferences") or ()
    expect(
        claim and any(owner.get("uid") == metadata["uid"] for owner in owners),
        f"The Pod {metadata['name']} runs without a device",
        expected="a ResourceClaim that the scheduler made for its extended resource",
        found=f"ResourceClaim {name}" if name else "none",
        hint=f"kubectl get resourceclaims --namespace {metadata['namespace']}",
    )
    assert claim is not None
    return claim
