"""Write: one change that a step asks the API server for, and where it goes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, quote, unquote

_QUESTIONS = ("authentication.k8s.io", "authorization.k8s.io")
"""API groups whose objects are questions, although they are created."""
_APPLY = "application/apply-patch"
_BINARY = "application/vnd.kubernetes."
"""Beginning of media types that only programs read, such as protobuf."""
DRY_RUN = "dryRun=All"


class Verb(StrEnum):
    """What a write does."""

    CREATE = "create"
    REPLACE = "replace"
    PATCH = "patch"
    APPLY = "apply"
    DELETE = "delete"


@dataclass(frozen=True)
class Target:
    """The object or collection that a path of the Kubernetes API names."""

    group: str
    """Beginning of the path: `api/v1`, or `apis/<group>/<version>`."""
    resource: str
    """For example `pods`."""
    namespace: str = ""
    name: str = ""
    subresource: str = ""

    @property
    def path(self) -> str:
        """The path that names it."""
        within = ("namespaces", self.namespace) if self.namespace else ()
        parts = (*within, self.resource, self.name, self.subresource)
        return "/".join(["", self.group, *(quote(part) for part in parts if part)])

    @property
    def kind(self) -> str:
        """Resource and subresource, for people: `pods`, `deployments/scale`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource

    @classmethod
    def of_path(cls, path: str) -> Target | None:
        """Return what a path names; None where it is no object of the API."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        length = {"api": 2, "apis": 3}.get(parts[0], 0)
        group, rest = "/".join(parts[:length]), parts[length:]
        if not length or not rest:
            return None
        namespace = ""
        if rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize"):
            namespace, rest = rest[1], rest[2:]
        resource, name, subresource = [*rest, "", ""][:3]
        return cls(group, resource, namespace, name, subresource)


@dataclass(frozen=True)
class Write:
    """One change that was asked for."""

    verb: Verb
    target: Target
    number: int
    """Of the writes of its step with the same verb and kind, from 1."""
    body: Any = None
    """The document that was sent; None where it was none."""

    @property
    def label(self) -> str:
        """What this write is called, the same for every seed: `create pods`, `delete pods#2`."""
        return f"{self.verb} {self.target.kind}" + (f"#{self.number}" if self.number > 1 else "")


@dataclass(frozen=True)
class Request:
    """One HTTP request to an API server."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes = b""

    @property
    def verb(self) -> Verb | None:
        """What it writes; None where it reads, asks, or only tries."""
        target = Target.of_path(self.path)
        if target is None or "dryRun" in parse_qs(self.query) or target.resource == "events":
            return None
        if any(f"/{group}/" in f"{target.group}/" for group in _QUESTIONS):
            return None
        return {
            "POST": Verb.CREATE,
            "PUT": Verb.REPLACE,
            "PATCH": Verb.APPLY if self._applies else Verb.PATCH,
            "DELETE": Verb.DELETE,
        }.get(self.method)

    @property
    def _applies(self) -> bool:
        return self.media_type.startswith(_APPLY)

    @property
    def is_binary(self) -> bool:
        """Whether the document is in a form that only programs read."""
        return bool(self.content) and self.media_type.startswith(_BINARY)

    @property
    def media_type(self) -> str:
        """The form of the document."""
        return next((v for k, v in self.headers.items() if k.lower() == "content-type"), "")

    @property
    def url(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path

    def with_document(self, document: object) -> Request:
        """Return the same request with another document.

        JSON is YAML too and the API server takes it for what is binary, so both can stay.
        """
        dropped = ("content-length", "content-type") if self.is_binary else ("content-length",)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in dropped}
        if self.is_binary:
            headers["Content-Type"] = "application/json"
        return replace(self, headers=headers, content=json.dumps(document).encode())

    def tried(self) -> Request:
        """Return the same request as a trial: answered as if, and nothing is stored."""
        if self.method == "DELETE" and self.content:  # then the API server reads no query
            options = {} if self.is_binary else json.loads(self.content)
            return self.with_document({**options, "dryRun": ["All"]})
        return replace(self, query=f"{self.query}&{DRY_RUN}" if self.query else DRY_RUN)
