"""Scheduling: proof that the scheduler chose a claim's devices and a Pod's node.

A cluster-admin can write any status, create a binding, impersonate the scheduler, or have an
admission rule rewrite what the scheduler says; and a simulated node runs every Pod that is bound
to it. So a choice counts only when the scheduler made it with its own credential, and the API
server kept it as the scheduler wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from graders import waiting
from graders.audit import AuditEvent
from graders.checks import CheckFailed, expect
from graders.dra.hindrance import SCHEDULER
from graders.errors import AuditIncomplete, GradingError
from graders.view import ClusterView

_ABOUT_CLAIMS = re.compile(r"claim|device|\bCEL\b", re.IGNORECASE)
_CEL_ERROR = "CEL runtime error"
_AUDIT_SECONDS = 3.0
"""The log may lag behind the answer of the API server by this much."""

Object = Mapping[str, Any]


class Result(NamedTuple):
    """One device given to one request of a claim."""

    request: str
    """Name of the request, without the alternative of a prioritised list."""
    device: str
    """Identity of the device in its cluster: `driver/pool/name`."""


def results_of(claim: Object) -> tuple[Result, ...]:
    """Return the devices that a claim holds; none when it is not allocated."""
    devices = ((claim.get("status") or {}).get("allocation") or {}).get("devices") or {}
    return tuple(
        Result(r["request"].partition("/")[0], f"{r['driver']}/{r['pool']}/{r['device']}")
        for r in devices.get("results") or ()
    )


def expect_chosen_by_scheduler(cluster: ClusterView, claim: Object, pod: Object) -> None:
    """Fail unless the scheduler chose the claim's devices and reserved them for the Pod.

    Raises:
        CheckFailed: somebody else did.
        AuditIncomplete: the log does not tell how the claim came to what it holds.
    """
    name = _place(claim)
    choice = cluster.allocated_by(claim)
    kept = results_of(choice.request) == results_of(claim)
    expect(
        _is_by_scheduler(choice) and kept,
        f"The devices of ResourceClaim {name} were not chosen by the scheduler",
        expected=f"allocated by {SCHEDULER}",
        found=f"written by {_author(choice)}",
        hint="Delete the Pod and its claim, create them again, and let the scheduler decide.",
    )
    uid = pod["metadata"]["uid"]
    expect(
        any(_reserves(e, uid) for e in _writes(cluster, "resourceclaims", claim)),
        f"The scheduler has not reserved ResourceClaim {name} for the Pod {_place(pod)}",
        expected=f"reserved by {SCHEDULER}",
        found="no reservation of the scheduler for this Pod",
        hint="A Pod gets its claims when it is scheduled: create it again, claims and all.",
    )


def expect_bound_by_scheduler(cluster: ClusterView, pod: Object) -> None:
    """Fail unless the scheduler chose the node that the Pod is on.

    Raises:
        CheckFailed: somebody else did, or nobody.
        AuditIncomplete: the log does not tell.
    """
    choice = cluster.bound_by(pod)
    kept = (choice.request.get("target") or {}).get("name") == pod["spec"]["nodeName"]
    expect(
        _is_by_scheduler(choice) and kept,
        f"The node of Pod {_place(pod)} was not chosen by the scheduler",
        expected=f"bound by {SCHEDULER}",
        found=f"bound by {_author(choice)}",
        hint="Leave spec.nodeName and spec.schedulerName to Kubernetes; create the Pod again.",
    )


def confirm_refusal(cluster: ClusterView, pod: Object) -> None:
    """Make sure that it was the scheduler who called a Pod unschedulable, for its claim's sake.

    Raises:
        AuditIncomplete: the log does not say so.
        GradingError: the scheduler had another reason, such as a node without room.
    """

    def words() -> list[str]:
        events = (e for e in _writes(cluster, "pods", pod) if _is_by_scheduler(e))
        return [refusal for e in events for refusal in _refusals(e.request)]

    try:
        refusals = waiting.wait_until(words, _AUDIT_SECONDS, "")
    except CheckFailed as failed:
        raise AuditIncomplete(
            f"The audit log does not say that the scheduler refused the probe {_place(pod)}"
            + _instead(_writes(cluster, "pods", pod))
        ) from failed
    for refusal in refusals:
        if not _ABOUT_CLAIMS.search(refusal):
            raise GradingError(
                "Somebody kept the probe from its node, and not its claim: the scheduler says: "
                f"{refusal}"
            )


def _instead(writes: Iterable[AuditEvent]) -> str:
    """Say who else wrote that no node fits; empty where nobody did."""
    said = (event for event in writes if is_refused(event.request))
    others = sorted({_author(event) for event in said if not _is_by_scheduler(event)})
    return f", but {' and '.join(others)} wrote so" if others else ""


def _refusals(pod: Object) -> Iterator[str]:
    for condition in (pod.get("status") or {}).get("conditions") or ():
        if _says_refused(condition):
            yield str(condition.get("message", ""))


def is_refused(pod: Object) -> bool:
    """Whether a condition of the Pod says that no node fits, or that its claim cannot be read."""
    return any(_says_refused(c) for c in (pod.get("status") or {}).get("conditions") or ())


def _says_refused(condition: Object) -> bool:
    said = tuple(condition.get(key) for key in ("type", "status", "reason"))
    # A selector that asks a device for what it does not have ends the whole allocation.
    is_mistaken = _CEL_ERROR in str(condition.get("message", ""))
    return said == ("PodScheduled", "False", "Unschedulable") or (
        said == ("PodScheduled", "False", "SchedulerError") and is_mistaken
    )


def _writes(cluster: ClusterView, resource: str, document: Object) -> list[AuditEvent]:
    metadata = document["metadata"]
    return cluster.audit(
        verb=("update", "patch"),
        resource=resource,
        subresource="status",
        namespace=metadata["namespace"],
        uid=metadata["uid"],
    )


def _is_by_scheduler(event: AuditEvent) -> bool:
    return event.actor == SCHEDULER and not event.impersonated


def _reserves(event: AuditEvent, pod_uid: str) -> bool:
    reserved = (event.request.get("status") or {}).get("reservedFor") or ()
    return _is_by_scheduler(event) and any(user.get("uid") == pod_uid for user in reserved)


def _author(event: AuditEvent) -> str:
    if _is_by_scheduler(event):
        return "an admission rule, over the scheduler's own words"
    return f"{event.actor} as {event.impersonates}" if event.impersonated else event.actor


def _place(document: Object) -> str:
    return f"{document['metadata']['namespace']}/{document['metadata']['name']}"
