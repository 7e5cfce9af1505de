"""Placement: a running Pod, and the devices that the scheduler gave to each of its containers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graders.checks import CheckFailed, expect
from graders.dra.hindrance import hindrance, is_overlooked
from graders.dra.inventory import Inventory, expect_published
from graders.dra.scheduling import (
    expect_bound_by_scheduler,
    expect_chosen_by_scheduler,
    results_of,
)
from graders.errors import GradingError
from graders.view import ClusterView

SETTLE_SECONDS = 5.0
"""How long a Pod that was only just created may take to run."""
_NAMED = {
    "resourceClaimName": "ResourceClaim",
    "resourceClaimTemplateName": "ResourceClaimTemplate",
}
"""What a Pod can name as the origin of a claim."""

Object = Mapping[str, Any]


@dataclass(frozen=True)
class Placement:
    """A Pod that runs with its devices."""

    pod: Object
    devices: Mapping[str, frozenset[str]]
    """Ids of the devices by the name of the container that may use them."""

    @property
    def all_devices(self) -> frozenset[str]:
        """Every device that some container may use."""
        return frozenset[str]().union(*self.devices.values())


def placement_of(
    cluster: ClusterView, name: str, namespace: str, inventory: Inventory
) -> Placement:
    """Return where a Pod runs and with which devices; one just created gets a moment to start.

    Raises:
        CheckFailed: there is no such Pod, it does not run, its node or its devices did not come
            from the scheduler, or the devices are not the platform's.
        AuditIncomplete: the audit log cannot tell.
        ProbeRefused: it is the grader's own Pod and was given devices that somebody made up.
    """
    pod = running_pod(cluster, name, namespace)
    expect_bound_by_scheduler(cluster, pod)
    entries = pod["spec"].get("resourceClaims") or ()
    claims = {entry["name"]: _claim_of(cluster, pod, entry) for entry in entries}
    for claim in claims.values():
        _expect_devices(claim, inventory, pod)
        expect_chosen_by_scheduler(cluster, claim, pod)
    containers = pod["spec"]["containers"]
    return Placement(pod, {c["name"]: frozenset(_devices_of(c, claims)) for c in containers})


def running_pod(cluster: ClusterView, name: str, namespace: str) -> Object:
    """Return a Pod that runs; one that was just created gets a moment.

    Raises:
        CheckFailed: there is none, or it does not run; with the scheduler's own words.
        GradingError: the scheduler has not looked at it; says what is in its way.
    """
    cluster.get("Pod", name, namespace)
    try:
        cluster.wait_until(
            lambda: _runs(cluster.get("Pod", name, namespace)),
            SETTLE_SECONDS,
            f"The Pod {namespace}/{name} does not run",
            expected="Running",
            found=lambda: _state(cluster.get("Pod", name, namespace)),
            hint=f"kubectl describe pod {name} --namespace {namespace}: read its events.",
        )
    except CheckFailed as failed:
        _blame_hindrance(cluster, name, namespace, failed)
        raise
    return cluster.get("Pod", name, namespace)


def _blame_hindrance(cluster: ClusterView, name: str, namespace: str, failed: CheckFailed) -> None:
    """Call it an error of ours when the scheduler has not looked at a Pod that waits for it."""
    pod = cluster.find("Pod", name, namespace)
    if pod is None or not is_overlooked(pod):
        return
    _expect_what_it_names(cluster, pod)
    why = hindrance(cluster, pod)
    raise GradingError(f"The scheduler has not looked at the Pod {name}: {why}") from failed


def _expect_what_it_names(cluster: ClusterView, pod: Object) -> None:
    """Fail where a Pod waits for what nobody made: the scheduler passes over it without a word."""
    namespace = pod["metadata"]["namespace"]
    for entry in pod["spec"].get("resourceClaims") or ():
        for key, kind in _NAMED.items():
            name = entry.get(key)
            expect(
                not name or cluster.find(kind, name, namespace) is not None,
                f"The Pod {namespace}/{pod['metadata']['name']} does not run",
                expected=f"{kind} {name}, which the Pod names",
                found="none of this name",
                hint=f"kubectl get {kind.lower()}s --namespace {namespace}",
            )


def _runs(pod: Object) -> bool:
    return pod["status"].get("phase") == "Running" and not pod["metadata"].get("deletionTimestamp")


def _state(pod: Object) -> str:
    if pod["metadata"].get("deletionTimestamp"):
        return "being deleted"
    conditions = pod["status"].get("conditions") or ()
    reasons = (c.get("message", "") for c in conditions if c.get("status") == "False")
    return ": ".join(p for p in (pod["status"].get("phase", "unknown"), next(reasons, "")) if p)


def _claim_of(cluster: ClusterView, pod: Object, entry: Object) -> Object:
    namespace, pod_name = pod["metadata"]["namespace"], pod["metadata"]["name"]
    if name := entry.get("resourceClaimName"):
        return cluster.get("ResourceClaim", name, namespace)
    statuses = pod["status"].get("resourceClaimStatuses") or ()
    made = {status["name"]: status.get("resourceClaimName") for status in statuses}
    name = made.get(entry["name"])
    claim = cluster.find("ResourceClaim", name, namespace) if name else None
    if claim is None:
        cluster.get("Pod", pod_name, namespace)  # gone meanwhile, with its claim: then it is that
    owners = (claim or {}).get("metadata", {}).get("ownerReferences") or ()
    expect(
        claim and any(owner.get("uid") == pod["metadata"]["uid"] for owner in owners),
        f"The Pod {namespace}/{pod_name} has no claim of its own for {entry['name']!r}",
        expected="a ResourceClaim that was made for this Pod from its template",
        found=f"ResourceClaim {name}" if claim else "none",
        hint=f"kubectl describe pod {pod_name} --namespace {namespace}: read its events.",
    )
    assert claim is not None
    return claim


def _expect_devices(claim: Object, inventory: Inventory, pod: Object) -> None:
    name = claim["metadata"]["name"]
    given = {result.device for result in results_of(claim)}
    expect(
        given,
        f"The ResourceClaim {name} has no devices",
        expected="allocated",
        found="not allocated",
        hint=f"kubectl describe resourceclaim {name} --namespace {claim['metadata']['namespace']}",
    )
    expect_published(f"The ResourceClaim {name}", given, inventory, pod)
    results = claim["status"]["allocation"]["devices"]["results"]
    expect(
        not any(result.get("adminAccess") for result in results),
        f"The ResourceClaim {name} has access to its devices, but does not hold them",
        expected="devices for this claim alone",
        found="adminAccess: true",
        hint="Admin access is for monitoring devices that others use.",
    )


def _devices_of(container: Object, claims: Mapping[str, Object]) -> Iterator[str]:
    for use in (container.get("resources") or {}).get("claims") or ():
        results = results_of(claims[use["name"]])
        request = use.get("request")
        expect(
            not request or any(result.request == request for result in results),
            f"The container {container['name']} names a request that its claim does not have",
            expected=" or ".join(sorted({result.request for result in results})),
            found=request,
            hint="The scheduler lets it pass; a kubelet would not start the container.",
        )
        yield from (r.device for r in results if request in (None, "", r.request))
