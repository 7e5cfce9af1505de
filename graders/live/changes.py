"""Changes: the writes in an audit log that somebody's check could see."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from graders.audit import AuditEvent

GRADER = "assay:grader"
"""The user of the grader in every cluster; what it writes are its own probes."""
_PLATFORM = ("system:", "assay:")
_DELETING = ("delete", "deletecollection")
_READING = ("get", "list", "watch")
_REMEMBERED = 2_000
"""Probes whose names are kept: far more than one look makes."""


@dataclass(frozen=True)
class Change:
    """Something was written."""

    resource: str
    """Plural, as in a URL."""
    namespace: str
    name: str
    """Empty where a whole collection was deleted."""
    by_person: bool
    """Whether neither a controller nor the platform did it."""


class Probes:
    """The names of the grader's own objects; what is made for them begins with their names.

    They are random, so no object of a learner is taken for one.
    """

    def __init__(self) -> None:
        self._names: dict[str, None] = {}

    def add(self, name: str) -> None:
        """Remember a probe."""
        self._names.pop(name, None)
        self._names[name] = None
        if len(self._names) > _REMEMBERED:
            del self._names[next(iter(self._names))]

    def own(self, name: str) -> bool:
        """Whether an object is a probe, or was made for one (its claims and Pods)."""
        return any(name[:end] in self._names for end in _prefixes(name))


def _prefixes(name: str) -> Iterator[int]:
    yield len(name)
    yield from (place for place, letter in enumerate(name) if letter in "-.")


def changes_in(events: Iterable[AuditEvent], probes: Probes) -> Iterator[Change]:
    """Yield the changes among finished requests; what concerns only probes is none."""
    for event in events:
        if not event.succeeded or event.verb in _READING or not event.resource:
            continue
        name = _name_of(event)
        if event.actor == GRADER:
            if event.verb not in _DELETING and name:
                probes.add(name)
        elif not (name and probes.own(name)):
            yield Change(
                event.resource, event.namespace, name, not event.actor.startswith(_PLATFORM)
            )


def _name_of(event: AuditEvent) -> str:
    """Return the name of the object; that of a new namespace is in the answer."""
    if event.name:
        return event.name
    metadata = event.response.get("metadata") or event.request.get("metadata") or {}
    return str(metadata.get("name", ""))
