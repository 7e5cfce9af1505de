"""Recording: how a safeguard's object is before the learner can act. Nothing is no record."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, TypedDict

from graders.errors import GradingError
from graders.safeguards.safeguard import Rule, Safeguard
from graders.view import ClusterView, Missing

KEY = "safeguards"
"""Where the records stand in the baseline of an attempt."""
_NO_CONTENT = ("apiVersion", "kind", "metadata", "status")
_WANTED = ("replicas", "parallelism")


class Record(TypedDict):
    """One safeguard's object as it was."""

    plural: str
    """Its resource, as the audit log calls it."""
    uid: str
    version: str
    """Its resourceVersion."""
    generation: int
    """Its metadata.generation, which the API server counts up with each change of the spec; 0 for
    kinds that have none."""
    content: dict[str, Any]
    """All but metadata and status; empty where the rule does not ask for it."""
    at: str
    """When it was recorded; RFC 3339 with microseconds, UTC."""


def record_safeguards(cluster: ClusterView, safeguards: Iterable[Safeguard]) -> dict[str, Record]:
    """Record the objects of filled-in safeguards, by id of the safeguard.

    Raises:
        GradingError: one is not there, or is not as its rule wants it to stay.
    """
    return {safeguard.id: _record(cluster, safeguard) for safeguard in safeguards}


def _record(cluster: ClusterView, safeguard: Safeguard) -> Record:
    wanted = safeguard.object
    try:
        found = cluster.get(wanted.kind, wanted.name, wanted.namespace, wanted.api_version)
    except Missing as error:
        raise GradingError(f"Safeguard {safeguard.id}: {error}") from error
    if safeguard.rule is Rule.SCALED and not replicas_of(found):
        raise GradingError(
            f"Safeguard {safeguard.id}: the {wanted.kind} {wanted.name} wants no replicas"
        )
    metadata = found["metadata"]
    return Record(
        plural=cluster.plural_of(wanted.kind, wanted.api_version),
        uid=metadata["uid"],
        version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        content=content_of(found) if safeguard.rule is Rule.UNTOUCHED else {},
        at=datetime.now(UTC).isoformat(),
    )


def content_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a person wrote into an object: all but metadata and status."""
    return {k: copy.deepcopy(v) for k, v in document.items() if k not in _NO_CONTENT}


def replicas_of(document: Mapping[str, Any]) -> int | None:
    """Return how many Pods an object wants; None for a kind that does not say."""
    spec = document.get("spec") or {}
    if document.get("kind") == "Scale":
        return int(spec.get("replicas", 0))  # the API leaves out a zero
    return next((spec[key] for key in _WANTED if isinstance(spec.get(key), int)), None)
