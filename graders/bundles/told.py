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
    """The objects of a bundle by name; what is taken out is a copy, for a check may change it."""

    def __init__(self, objects: Mapping[str, Any], *, redacted: bool = True) -> None:
        """Take things out of `objects`; `redacted` says whether marks of secrets may be there."""
        self._objects = objects
        self._redacted = redacted
        self._copies: dict[str, bytes] = {}
        self._marked: dict[str, str] = {}
        self._kinds: dict[str, Kinds] = {}
        self._events: dict[str, AuditEvent] = {}

    def as_read(self, ref: str) -> Any:
        """Return a thing as it is in the bundle; nobody may change it."""
        return self._objects[ref]

    def copy(self, ref: str) -> Any:
        """Return a copy of a thing, with what stands for its secrets."""
        if (packed := self._copies.get(ref)) is not None:
            return marshal.loads(packed)
        if ref not in self._marked:
            text = _COMPACT.encode(self._objects[ref]) if self._redacted else ""
            if MARK not in text:
                self._copies[ref] = marshal.dumps(self._objects[ref])
                return marshal.loads(self._copies[ref])
            self._marked[ref] = text
        return json.loads(self._marked[ref], object_hook=restored)

    def event(self, ref: str) -> AuditEvent:
        """Return an event of the audit log; the same one each time, as nobody may change it."""
        if ref not in self._events:
            self._events[ref] = AuditEvent(**self.copy(ref))
        return self._events[ref]

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
