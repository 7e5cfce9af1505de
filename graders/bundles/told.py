"""Told: everything that was said in one bundle, to be taken out as often as it is asked for."""

from __future__ import annotations

import json
import marshal
from collections.abc import Mapping
from typing import Any

from graders.audit import AuditEvent
from graders.bundles.redacted import restored
from graders.bundles.redaction import MARK
from graders.discovery import Discovery, ResourceType

_COMPACT = json.JSONEncoder(ensure_ascii=False)


class Told:
    """The objects of a bundle by name; a check may change what is taken out, for itself only."""

    def __init__(self, objects: Mapping[str, Any], *, redacted: bool = True) -> None:
        """Take things out of `objects`, which nobody else uses from now on.

        Args:
            objects: what was said, by name.
            redacted: whether marks of secrets may be there.
        """
        self._objects = objects
        self._redacted = redacted
        self._given: dict[str, bytes] = {}
        """Of what was taken out itself: how it was before."""
        self._marked: dict[str, str] = {}
        self._kinds: dict[str, Kinds] = {}
        self._events: dict[str, AuditEvent] = {}

    def as_read(self, ref: str) -> Any:
        """Return a thing as it is in the bundle; nobody may change it."""
        if (packed := self._given.get(ref)) is not None:
            return marshal.loads(packed)
        return self._objects[ref]

    def copy(self, ref: str) -> Any:
        """Return a thing, with what stands for its secrets; the caller may change it."""
        if (packed := self._given.get(ref)) is not None:
            return marshal.loads(packed)
        if not self._is_marked(ref):
            self._given[ref] = marshal.dumps(self._objects[ref])
            return self._objects[ref]
        return json.loads(self._marked[ref], object_hook=restored)

    def event(self, ref: str) -> AuditEvent:
        """Return an event of the audit log; the same one each time, as nobody may change it."""
        if ref not in self._events:
            whole = self.copy(ref) if self._is_marked(ref) else self._objects[ref]
            self._events[ref] = AuditEvent(**whole)
        return self._events[ref]

    def _is_marked(self, ref: str) -> bool:
        """Whether there are marks of secrets in a thing."""
        if self._redacted and ref not in self._marked:
            text = _COMPACT.encode(self._objects[ref])
            self._marked[ref] = text if MARK in text else ""
        return bool(self._marked.get(ref))

    def kinds(self, ref: str) -> Kinds:
        """Return the kinds that were served."""
        if ref not in self._kinds:
            self._kinds[ref] = Kinds(Discovery.from_json(self._objects[ref]))
        return self._kinds[ref]


class Kinds:
    """The kinds that a cluster served, each looked for once."""

    def __init__(self, known: Discovery) -> None:
        """Look among the kinds that `known` knows; it is never asked to look again."""
        self.known = known
        self.found: dict[tuple[str, str | None], ResourceType | None] = {}
