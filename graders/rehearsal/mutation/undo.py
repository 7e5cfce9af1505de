"""Undoing a write: what was there before, and how it is put back."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from graders.rehearsal.mutation.upstream import Upstream
from graders.rehearsal.mutation.writes import Target, Verb, Write

_GONE_SECONDS = 20.0
_POLL_SECONDS = 0.1
_CONFLICT = 409
_TRIES = 10
_TRACES = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")
_LIFE = ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink", "finalizers")
_TAKEN_BACK = {"propagationPolicy": "Background", "gracePeriodSeconds": 0}


@dataclass(frozen=True)
class Former:
    """What a write changes, as it was before."""

    write: Write
    target: Target
    """The object; for a deletion perhaps the collection."""
    objects: tuple[dict[str, Any], ...] = ()
    """None where the write creates something."""

    @classmethod
    def before(cls, upstream: Upstream, write: Write) -> Former:
        """Look at what a write is about to change."""
        if write.verb is Verb.CREATE:
            name = (write.body or {}).get("metadata", {}).get("name", "")
            return cls(write, replace(write.target, name=name))
        status, answer = upstream.ask("GET", write.target.path)
        if status >= 400:
            return cls(write, write.target)
        objects = answer["items"] if "items" in answer else [answer]
        kinds = {"apiVersion": answer.get("apiVersion", ""), "kind": answer.get("kind", "")}
        kinds["kind"] = kinds["kind"].removesuffix("List")
        return cls(write, write.target, tuple({**kinds, **found} for found in objects))

    def put_back(self, upstream: Upstream) -> str:
        """Make it as it was; return a sentence where that is not possible."""
        if self.write.verb is Verb.DELETE:
            problems = [self._create_again(upstream, found) for found in self.objects]
            return "; ".join(problem for problem in problems if problem)
        if not self.objects:
            return self._delete(upstream)
        return self._restore(upstream, self.objects[0])

    def _delete(self, upstream: Upstream) -> str:
        status, answer = upstream.ask("DELETE", self.target.path, _TAKEN_BACK)
        if status >= 400 and status != 404:
            return _refusal(self.target, answer)
        deadline = time.monotonic() + _GONE_SECONDS
        while upstream.ask("GET", self.target.path)[0] != 404:
            if time.monotonic() > deadline:
                return f"{self.target.path} does not go away"
            time.sleep(_POLL_SECONDS)
        return ""

    def _restore(self, upstream: Upstream, found: dict[str, Any]) -> str:
        for _ in range(_TRIES):  # controllers write, too
            status, answer = upstream.ask("GET", self.target.path)
            if status < 400:
                version = answer["metadata"]["resourceVersion"]
                before = {**found, "metadata": {**found["metadata"], "resourceVersion": version}}
                status, answer = upstream.ask("PUT", self.target.path, before)
            if status != _CONFLICT:
                break
        return _refusal(self.target, answer) if status >= 400 else ""

    def _create_again(self, upstream: Upstream, found: dict[str, Any]) -> str:
        if found["metadata"].get("ownerReferences"):
            return ""  # its owner makes another one
        anew = without_traces(found)
        anew["metadata"] = {k: v for k, v in anew["metadata"].items() if k not in _LIFE}
        if self.target.resource == "pods":
            anew["spec"] = {k: v for k, v in anew["spec"].items() if k != "nodeName"}
        collection = replace(self.target, name="", subresource="")
        status, answer = upstream.ask("POST", collection.path, anew)
        return _refusal(collection, answer) if status >= 400 and status != _CONFLICT else ""


def without_traces(document: dict[str, Any]) -> dict[str, Any]:
    """Return an object without its status and what the API server writes for each anew."""
    metadata = {k: v for k, v in (document.get("metadata") or {}).items() if k not in _TRACES}
    rest = {k: v for k, v in document.items() if k != "status"}
    return {**rest, "metadata": metadata}


def _refusal(target: Target, answer: dict[str, Any]) -> str:
    return f"{target.path}: {answer.get('message', 'no reason was given')}"
