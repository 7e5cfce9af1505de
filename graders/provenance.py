"""Provenance: who gave a claim its devices and a Pod its node, by the audit log and by uid.

A learner may write both by hand; the result looks the same, the audit log does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from graders import clock
from graders.audit import AuditEvent, AuditQuery, EventLog
from graders.checks import CheckFailed
from graders.errors import AuditIncomplete

SET_UP_SECONDS = 60.0
"""The log of a cluster begins at most this long after the cluster, with its set-up."""
WAIT_SECONDS = 3.0
"""The log may lag behind the answer of the API server by this much."""


def require_beginning(log: EventLog, cluster_made_at: str) -> None:
    """Make sure that the log reaches back to the time before the learner came.

    Who makes enough noise makes the API server drop the oldest part of its log.

    Args:
        log: the audit log.
        cluster_made_at: creation time of the namespace kube-system, RFC 3339.

    Raises:
        AuditIncomplete: the beginning is lost.
    """
    begins_at = log.begins_at()
    latest = datetime.fromisoformat(cluster_made_at) + timedelta(seconds=SET_UP_SECONDS)
    if not begins_at or datetime.fromisoformat(begins_at) > latest:
        raise AuditIncomplete("The audit log of this cluster has lost its beginning")


def allocation_of(claim: Mapping[str, Any], log: EventLog) -> AuditEvent:
    """Return the request that gave the claim the allocation it has now.

    Raises:
        CheckFailed: the claim is not allocated.
        AuditIncomplete: the log does not say.
    """
    current = _allocation(claim)
    if not current:
        raise CheckFailed(f"The ResourceClaim {_place(claim)} is not allocated")
    query = AuditQuery(resource="resourceclaims", uid=_metadata(claim).get("uid"))
    return _await(lambda: _allocating(log.events(query), current), "allocated", claim)


def binding_of(pod: Mapping[str, Any], log: EventLog) -> AuditEvent:
    """Return the request that gave the Pod its node.

    Raises:
        CheckFailed: the Pod has no node.
        AuditIncomplete: the log does not say.
    """
    node = (pod.get("spec") or {}).get("nodeName")
    if not node:
        raise CheckFailed(f"The Pod {_place(pod)} has no node")
    query = AuditQuery(verb="create", namespace=_metadata(pod).get("namespace"))
    return _await(lambda: _binding(log.events(query), pod, node), "bound", pod)


def _allocating(events: Iterable[AuditEvent], current: Any) -> AuditEvent | None:
    """Return the last request before which the allocation was another one.

    The creation must be there too: in a log that has lost its beginning, the first event that
    shows an allocation is not the one that made it.
    """
    created = False
    before, changed = None, None
    for event in events:
        if (event.verb, event.subresource) == ("create", ""):
            created = True
        after = _allocation(event.response)
        if after != before and event.subresource == "status":
            before, changed = after, event
    return changed if created and before == current else None


def _binding(events: Iterable[AuditEvent], pod: Mapping[str, Any], node: str) -> AuditEvent | None:
    uid = _metadata(pod).get("uid")
    created = False
    for event in events:
        if _creates_pod(event) and event.uid == uid:
            if (event.response.get("spec") or {}).get("nodeName") == node:
                return event
            created = True
        elif _binds(event, _metadata(pod).get("name")) and (
            event.uid == uid or (created and not event.uid)
        ):
            return event
    return None


def _creates_pod(event: AuditEvent) -> bool:
    return (event.resource, event.subresource) == ("pods", "")


def _binds(event: AuditEvent, name: object) -> bool:
    """Whether it binds the Pod of this name, by its subresource or by a Binding of its own."""
    if (event.resource, event.subresource) == ("pods", "binding"):
        return event.name == name
    return event.resource == "bindings" and _metadata(event.request).get("name") == name


def _await(
    look: Callable[[], AuditEvent | None], what: str, document: Mapping[str, Any]
) -> AuditEvent:
    deadline = clock.now() + WAIT_SECONDS
    while (event := look()) is None:
        if clock.now() > deadline:
            raise AuditIncomplete(
                f"The audit log does not say who {what} {document.get('kind')} {_place(document)}"
            )
        clock.sleep(0.1)
    return event


def _allocation(claim: Mapping[str, Any]) -> Any:
    return (claim.get("status") or {}).get("allocation")


def _metadata(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return document.get("metadata") or {}


def _place(document: Mapping[str, Any]) -> str:
    metadata = _metadata(document)
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
