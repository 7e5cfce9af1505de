"""Choosing: the objects that a requirement is about."""

from __future__ import annotations

from typing import Any

from graders.checks import CheckFailed
from graders.declarative.documents import Owner, Selection
from graders.errors import RequestInvalid
from graders.view import ClusterView, Missing

Object = dict[str, Any]
_GENERATIONS = 4
"""How far up owners are followed: a CronJob owns a Job, which owns a Pod."""


def choose_one(cluster: ClusterView, selection: Selection) -> Object:
    """Return the one object that a selection names.

    Raises:
        CheckFailed: it is not there, or is being deleted where it must be alive.
        GradingError: the cluster could not be asked.
    """
    name = str(selection.name)
    found = cluster.get(selection.kind, name, selection.namespace, selection.api_version)
    if selection.alive and _is_going(found):
        raise CheckFailed(f"The {selection.kind} {name} is being deleted")
    return found


def choose_set(cluster: ClusterView, selection: Selection) -> list[Object]:
    """Return the objects of a set, which may be empty.

    Raises:
        CheckFailed: their owner is not there, or the cluster has no such kind.
        GradingError: the cluster could not be asked.
    """
    found = cluster.list(
        selection.kind, selection.namespace, selection.selector, selection.api_version
    )
    if selection.alive:
        found = [entry for entry in found if not _is_going(entry)]
    if selection.owned_by is None:
        return found
    family = _Family(cluster, selection.owned_by, selection.namespace)
    return [entry for entry in found if family.has(entry)]


def describe_set(selection: Selection) -> str:
    """Return how a set is called in a sentence."""
    words = [selection.kind]
    words += [f"in the namespace {selection.namespace}"] if selection.namespace else []
    words += [f"with the labels {selection.selector}"] if selection.selector else []
    if owner := selection.owned_by:
        words.append(f"of the {owner.kind} {owner.name}")
    return " ".join(words)


class _Family:
    """What belongs to one object by uid, also through others: a Pod to its Deployment."""

    def __init__(self, cluster: ClusterView, owner: Owner, namespace: str | None) -> None:
        self._cluster = cluster
        self._namespace = namespace
        head = self._get(owner.kind, owner.name, owner.api_version)
        self._belongs = {str(head["metadata"]["uid"]): True}

    def has(self, entry: Object, generations: int = _GENERATIONS) -> bool:
        """Whether an object belongs to the head of the family."""
        return any(
            self._is_kin(reference, entry["metadata"].get("namespace"), generations)
            for reference in entry["metadata"].get("ownerReferences") or ()
        )

    def _is_kin(self, reference: Object, namespace: str | None, generations: int) -> bool:
        uid = str(reference["uid"])
        if uid not in self._belongs and generations:
            owner = self._find(reference, namespace)
            # Anybody can write a reference: only the object with this uid counts.
            is_same = owner is not None and owner["metadata"]["uid"] == uid
            self._belongs[uid] = is_same and owner is not None and self.has(owner, generations - 1)
        return self._belongs.get(uid, False)

    def _find(self, reference: Object, namespace: str | None) -> Object | None:
        """Return an owner; None where a learner wrote a reference to what cannot be."""
        kind, name = reference["kind"], reference["name"]
        try:
            return self._cluster.find(kind, name, namespace, reference["apiVersion"])
        except (Missing, RequestInvalid):
            return None

    def _get(self, kind: str, name: str, api_version: str | None) -> Object:
        return self._cluster.get(kind, name, self._namespace, api_version)


def _is_going(entry: Object) -> bool:
    return "deletionTimestamp" in entry["metadata"]
