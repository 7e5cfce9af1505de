"""Undisturbed: nobody laid hands on the grader's node while it looked what a claim takes.

What a claim is refused says something about the claim only if the devices were there to be had. A
learner who watches for the node can take them, taint them, fill the node or change the class, wait
for the refusal, and put everything back; then nothing is left to see but the audit log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from graders.audit import AuditEvent
from graders.errors import AuditIncomplete, ProbeRefused
from graders.probes import Probe
from graders.view import ClusterView

SIMULATOR = "assay:kwok"
"""Keeps simulated nodes alive, with a credential that nobody else has."""

Object = Mapping[str, Any]


def expect_undisturbed(
    cluster: ClusterView, place: Probe, claims: Collection[str], classes: Collection[str]
) -> None:
    """Make sure that nobody changed what claims were given, from when the node was made.

    Args:
        cluster: the cluster.
        place: the node and the slice of its devices, in this order.
        claims: uids of the grader's claims.
        classes: names of the DeviceClasses that they were made for.

    Raises:
        ProbeRefused: somebody did; says who, and what.
        AuditIncomplete: the log does not say.
    """
    node, slice_ = place.documents
    since = _made_at(cluster, node)
    disturbances = (
        *_changes_of_node(cluster, node),
        *_changes_of_slice(cluster, slice_),
        # In its status a controller writes how an eviction goes.
        *cluster.audit(resource="devicetaintrules", subresource=""),
        *(event for name in classes for event in cluster.audit(None, "deviceclasses", name=name)),
        *_claims_of_others(cluster, slice_["spec"]["pool"]["name"], claims),
    )
    for event in disturbances:
        if event.time >= since:
            what = "/".join(part for part in (event.resource, event.subresource) if part)
            raise ProbeRefused(
                "Somebody changed what the grader was looking at, just then: "
                f"{event.actor} did {event.verb} {what} {event.name}; ask again and let it look"
            )


def classes_of(spec: Object) -> frozenset[str]:
    """Return the names of the DeviceClasses that a claim asks for."""
    requests = (spec.get("devices") or {}).get("requests") or ()
    asked = [one for r in requests for one in r.get("firstAvailable") or [r.get("exactly") or {}]]
    return frozenset(str(one.get("deviceClassName", "")) for one in asked) - {""}


def _made_at(cluster: ClusterView, node: Object) -> str:
    metadata = node["metadata"]
    for event in cluster.audit("create", "nodes", "", name=metadata["name"], uid=metadata["uid"]):
        return event.time
    raise AuditIncomplete("The audit log does not hold how the grader's own node was made")


def _changes_of_node(cluster: ClusterView, node: Object) -> Iterator[AuditEvent]:
    """Yield what made it another node, closed it, or took its room away."""
    for event in cluster.audit(resource="nodes", name=node["metadata"]["name"]):
        by_simulator = event.actor == SIMULATOR and not event.impersonated
        if not by_simulator and not _is_still(event.response, node):
            yield event


def _is_still(after: Object, node: Object) -> bool:
    """Whether a node, as a request left it, is the one that was made, with all its room."""
    return (
        after.get("kind") == "Node"
        and after["metadata"].get("uid") == node["metadata"]["uid"]
        and not (after.get("spec") or {}).get("unschedulable")
        and (after.get("status") or {}).get("allocatable") == node["status"]["allocatable"]
    )


def _changes_of_slice(cluster: ClusterView, slice_: Object) -> Iterator[AuditEvent]:
    uid = slice_["metadata"]["uid"]
    for event in cluster.audit(resource="resourceslices", name=slice_["metadata"]["name"]):
        if event.verb != "create" or event.uid != uid:
            yield event


def _claims_of_others(
    cluster: ClusterView, pool: str, claims: Collection[str]
) -> Iterator[AuditEvent]:
    for event in cluster.audit(resource="resourceclaims", subresource="status"):
        if event.uid not in claims and pool in _pools(event.response):
            yield event


def _pools(claim: Object) -> set[str]:
    devices = ((claim.get("status") or {}).get("allocation") or {}).get("devices") or {}
    return {str(result.get("pool")) for result in devices.get("results") or ()}
