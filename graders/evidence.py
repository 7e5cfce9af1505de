"""Evidence: which objects and audit events a check looked at, never what is in them.

The identity of each object (uid, resourceVersion) is enough to find it in a backup of the cluster
or in the audit log; contents could be secrets.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping
from typing import Any

ENTRIES = 300
"""Entries that are kept for one check; what is beyond is counted."""
_SHORTEST_SECRET = 6
"""Shorter values of a Secret are not searched for: they occur in ordinary words."""


class Evidence:
    """What one check looked at, in its order, each thing once."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, ...], dict[str, Any]] = {}
        self._beyond = 0
        self._secrets: set[str] = set()

    def restart(self) -> None:
        """Forget what was looked at, since the check looks again; Secrets stay known."""
        self._entries.clear()
        self._beyond = 0

    def add_object(self, document: Mapping[str, Any]) -> None:
        """Note an object that was read or made; the values of a Secret are kept for `redact`."""
        metadata = document.get("metadata") or {}
        self._add(
            kind=document.get("kind", ""),
            namespace=metadata.get("namespace", ""),
            name=metadata.get("name", ""),
            uid=metadata.get("uid", ""),
            resourceVersion=metadata.get("resourceVersion", ""),
        )
        if document.get("kind") == "Secret":
            self._secrets.update(secret_values(document))

    def add_missing(self, kind: str, namespace: str | None, name: str) -> None:
        """Note an object that was looked for and is not there."""
        self._add(kind=kind, namespace=namespace or "", name=name, uid="", missing=True)

    def add_list(self, kind: str, namespace: str | None, count: int, version: str) -> None:
        """Note a list that was read; an empty one is evidence too."""
        self._add(
            kind=f"{kind}List", namespace=namespace or "", count=count, resourceVersion=version
        )

    def add_event(self, entry: Mapping[str, Any]) -> None:
        """Note an event of the audit log."""
        self._add(kind="AuditEvent", **entry)

    def entries(self) -> tuple[dict[str, Any], ...]:
        """Return what was looked at."""
        kept = list(self._entries.values())
        return (*kept, {"kind": "More", "count": self._beyond}) if self._beyond else tuple(kept)

    def redact(self, text: str) -> str:
        """Return `text` without the values of any Secret that the check has read."""
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, "(secret)")
        return text

    def _add(self, **entry: Any) -> None:
        key = tuple(str(value) for value in entry.values())
        if len(self._entries) < ENTRIES or key in self._entries:
            self._entries.setdefault(key, entry)
        else:
            self._beyond += 1


def secret_values(secret: Mapping[str, Any]) -> Iterable[str]:
    """Yield the values of a Secret that are long enough to be searched for, also decoded."""
    for encoded in _values(secret.get("data")):
        yield from _worth_hiding(encoded)
        try:
            yield from _worth_hiding(base64.b64decode(encoded).decode())
        except (binascii.Error, UnicodeDecodeError, ValueError):
            continue
    for plain in _values(secret.get("stringData")):
        yield from _worth_hiding(plain)


def _values(data: object) -> Iterable[str]:
    values = data.values() if isinstance(data, Mapping) else ()
    return (value for value in values if isinstance(value, str))


def _worth_hiding(value: str) -> Iterable[str]:
    yield from (v for v in (value, value.strip()) if len(v) >= _SHORTEST_SECRET)
