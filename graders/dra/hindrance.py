"""Hindrance: what keeps the scheduler from deciding about a Pod, as far as it can be found out.

A cluster-admin can blind the scheduler, refuse what it writes, or make rules that leave it nothing
to give. Then a check cannot look, and the error has to say whose doing that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from graders.audit import AuditEvent
from graders.checks import CheckFailed
from graders.dra.undisturbed import SIMULATOR
from graders.probes import refuser
from graders.view import ClusterView

SCHEDULER = "system:kube-scheduler"
_KUBELET = "system:node:"
_DEFAULT_SCHEDULER = "default-scheduler"
_TOO_MANY_REQUESTS = 429
_ORDINARY = {404, 409}
"""Answers that the scheduler gets when somebody else was faster."""
_NEEDED = (
    ("list", "pods"),
    ("watch", "nodes"),
    ("create", "pods/binding"),
    ("patch", "pods/status"),
    ("list", "resourceclaims.resource.k8s.io"),
    ("list", "resourceslices.resource.k8s.io"),
)
"""Rights without which nothing is scheduled."""

Object = Mapping[str, Any]


def is_overlooked(pod: Object) -> bool:
    """Whether the scheduler should have said something about a Pod, and has not."""
    spec = pod["spec"]
    return not (
        spec.get("nodeName")
        or spec.get("schedulingGates")
        or spec.get("schedulerName", _DEFAULT_SCHEDULER) != _DEFAULT_SCHEDULER
        or pod["metadata"].get("deletionTimestamp")
        or _words(pod)
    )


def hindrance(cluster: ClusterView, pod: Object) -> str:
    """Say what keeps the scheduler from placing a Pod; one clause, never empty."""
    causes = [*_missing_rights(cluster)] or [*_refusals(cluster, pod)] or _meddling(cluster, pod)
    words = _words(pod)
    said = [f"the scheduler says: {words}"] if words else []
    return "; ".join([*causes, *_taint_rules(cluster), *said]) or "it does not say why"


def _words(pod: Object) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    found = (one.get("message", "") for one in conditions if one.get("type") == "PodScheduled")
    return str(next(found, ""))


def _refusals(cluster: ClusterView, pod: Object) -> Iterator[str]:
    """Yield the last refusal of what the scheduler wrote about a Pod."""
    since = pod["metadata"].get("creationTimestamp", "")
    events = [
        event
        for event in cluster.audit(actor=SCHEDULER, succeeded=False)
        if event.code not in _ORDINARY and event.time >= since and event.code
    ]
    for event in events[-1:]:
        if event.code == _TOO_MANY_REQUESTS:
            yield "flow control turns the scheduler's requests away: look at the FlowSchema objects"
            return
        message = str(event.response.get("message", ""))
        who = refuser(message) or "the API server"
        what = "/".join(part for part in (event.resource, event.subresource) if part)
        yield f"{who} refuses the scheduler to {event.verb} {what}: {message[:200]}"


def _meddling(cluster: ClusterView, pod: Object) -> list[str]:
    """Say who else did to a Pod what is the scheduler's or its node's to do."""
    metadata = pod["metadata"]
    events = cluster.audit(resource="pods", namespace=metadata["namespace"], name=metadata["name"])
    others = dict.fromkeys(
        f"{event.actor} did {event.verb} pods/{event.subresource}"
        for event in events
        if event.subresource in ("binding", "status") and not _is_by_the_platform(event)
    )
    return [f"somebody wrote into the probe meanwhile: {' and '.join(others)}"] if others else []


def _is_by_the_platform(event: AuditEvent) -> bool:
    own = event.actor in (SCHEDULER, SIMULATOR) or event.actor.startswith(_KUBELET)
    return own and not event.impersonated


def _missing_rights(cluster: ClusterView) -> Iterator[str]:
    lacking = [
        f"{verb} {resource.partition('.')[0]}"
        for verb, resource in _NEEDED
        if not cluster.can_i(verb, resource, user=SCHEDULER)
    ]
    if lacking:
        yield f"{SCHEDULER} may not {', '.join(lacking)}: its ClusterRoleBinding is not what it was"


def _taint_rules(cluster: ClusterView) -> Iterator[str]:
    with suppress(CheckFailed):  # older clusters have no such kind
        rules = sorted(rule["metadata"]["name"] for rule in cluster.list("DeviceTaintRule"))
        if rules:
            yield f"DeviceTaintRule {', '.join(rules)} keeps claims from devices"
