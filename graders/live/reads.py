"""Reads: which changes concern a check, by the evidence of what it looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graders.live.changes import Change

_NOT_OBJECTS = ("AuditEvent", "More")
_LIST = "List"


@dataclass(frozen=True)
class Reads:
    """The objects and lists that a check looked at, also those that were not there."""

    objects: frozenset[tuple[str, str, str]]
    """Kind in lower case, namespace, name."""
    lists: frozenset[tuple[str, str]]
    """Kind of the items in lower case, and namespace; empty for all of them."""
    everything: bool = False
    """Whether the evidence was cut, so that any change may concern it."""

    def concern(self, change: Change) -> bool:
        """Whether the check could come to another answer after this change."""
        if self.everything:
            return True
        return any(
            (kind, namespace) in self.lists
            or (kind, change.namespace, change.name) in self.objects
            or (not change.name and self._has_any(kind, change.namespace))
            for kind in kinds_of(change.resource)
            for namespace in (change.namespace, "")
        )

    def _has_any(self, kind: str, namespace: str) -> bool:
        return any((k, n) == (kind, namespace) for k, n, _ in self.objects)


def reads_of(evidence: Iterable[Mapping[str, Any]]) -> Reads:
    """Return what a result's evidence says that its check looked at."""
    objects, lists, everything = set(), set(), False
    for entry in evidence:
        kind, namespace = str(entry.get("kind", "")), str(entry.get("namespace", ""))
        if kind == "More":
            everything = True
        elif kind not in _NOT_OBJECTS and "name" in entry:
            objects.add((kind.casefold(), namespace, str(entry["name"])))
        elif kind.endswith(_LIST):
            lists.add((kind.removesuffix(_LIST).casefold(), namespace))
    return Reads(frozenset(objects), frozenset(lists), everything)


def kinds_of(resource: str) -> tuple[str, ...]:
    """Return what the kind of a resource may be in lower case: `policies` is a policy.

    Plurals are regular in Kubernetes' own groups, where a plural may also be the kind (Endpoints).
    """
    kinds = [resource]
    if resource.endswith("ies"):
        kinds.append(f"{resource[:-3]}y")
    if resource.endswith("es"):
        kinds.append(resource[:-2])
    if resource.endswith("s"):
        kinds.append(resource[:-1])
    return tuple(kinds)
