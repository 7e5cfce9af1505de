"""Closing a recording: JSON values without secrets, each thing once, and not too much of it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from graders.audit import AuditEvent
from graders.bundles.recording import Recording
from graders.bundles.redaction import Redaction
from graders.bundles.steps import Failure, LogStep, Observation, Request
from graders.discovery import Discovery

BYTES_KEPT = 2 << 20
"""Bytes that are kept of one check, each different thing counted once."""
_REF = 32
"""Hexadecimal digits that name a thing within a bundle."""


def close(recording: Recording, kinds: Discovery, *, smaller: int = 1) -> dict[str, Any]:
    """Return what was recorded of a check as JSON values.

    What did not fit is missing, and `dropped` says how much that is.

    Args:
        recording: of a check that has ended.
        kinds: the kinds that the cluster serves, as far as they were asked for.
        smaller: keep only this part of what is usually kept.
    """
    return _Closing(recording, BYTES_KEPT // smaller).document(kinds)


class _Closing:
    def __init__(self, recording: Recording, room: int) -> None:
        self._recording = recording
        self._read = {d: _parsed(c) for d, c in recording.contents.items()}
        self._redaction = Redaction()
        self._redaction.learn(self._with_secrets())
        self._objects: dict[str, Any] = {}
        self._room = room
        self._dropped = 0

    def document(self, kinds: Discovery) -> dict[str, Any]:
        recording = self._recording
        served = self._keep_kinds(kinds)  # first: nothing can be found without it
        steps = {
            "names": recording.names,
            "requests": [self._request(request) for request in recording.requests],
            "log": [self._look(step) for step in recording.log],
            "observations": [self._observation(o) for o in recording.observations],
        }
        return {
            "began_at": recording.began_at,
            "seconds": round(recording.seconds, 6),
            "moments": recording.moments,
            "kinds": served,
            "kinds_asked": _surprises(recording.kinds_asked),
            **self._redaction.redact(steps),
            "dropped": {"bytes": self._dropped, "steps": recording.beyond},
            "objects": self._objects,
        }

    def _request(self, request: Request) -> dict[str, Any]:
        step: dict[str, Any] = {
            "at": _rounded(request.at),
            "method": request.method,
            "path": request.path,
        }
        if request.query:
            step["query"] = request.query
        if request.body:
            step["body"] = self._keep_read(request.body)
        if request.raw:
            step["raw"] = True
        if request.answer is None:
            return {**step, **_failure(request.error)}
        step["status"] = request.answer.status
        if request.raw:
            text = self._recording.contents.get(request.answer.content)
            step["headers"] = request.answer.headers
            step["answer"] = None if text is None else self._keep(text.decode("utf-8", "replace"))
            return step
        return {**step, **self._answer(request.answer.content)}

    def _answer(self, digest: str) -> dict[str, Any]:
        if digest not in self._read:
            return {"answer": None}
        document = self._read[digest]
        items = document.get("items") if isinstance(document, dict) else None
        if not isinstance(items, list):
            return {"answer": self._keep(document)}
        # Items stand for themselves: the next list has most of them again.
        head = {key: value for key, value in document.items() if key != "items"}
        return {"answer": self._keep(head), "items": [self._keep(item) for item in items]}

    def _look(self, step: LogStep) -> dict[str, Any]:
        asked = {"at": _rounded(step.at), "query": step.query}
        if step.error is not None:
            return {**asked, **_failure(step.error)}
        if isinstance(step.found, str):
            return {**asked, "begins": step.found}
        return {**asked, "events": [self._keep(_of_event(event)) for event in step.found]}

    def _observation(self, observation: Observation) -> dict[str, Any]:
        step = {"at": _rounded(observation.at), "what": observation.what}
        if observation.error is not None:
            return {**step, **_failure(observation.error)}
        return {**step, "value": self._keep_read(observation.value)}

    def _keep_read(self, digest: str) -> str | None:
        return self._keep(self._read[digest]) if digest in self._read else None

    def _keep_kinds(self, kinds: Discovery) -> str | None:
        """Keep the kinds: of most recordings the largest part, and the kind Secret holds none."""
        text = kinds.text()
        if self._redaction.occurs_in(text):
            return self._keep(kinds.to_json())
        return self._put(kinds.to_json(), text)

    def _keep(self, value: Any) -> str | None:
        """Keep a JSON value and return its name; None where there is no more room."""
        text = _text(value)
        if self._redaction.is_needed(text):
            value = self._redaction.redact(value)
            text = _text(value)
        return self._put(value, text)

    def _put(self, value: Any, text: str) -> str | None:
        content = text.encode("utf-8", "surrogatepass")
        ref = hashlib.sha256(content).hexdigest()[:_REF]
        if ref not in self._objects:
            if len(content) > self._room:
                self._dropped += len(content)
                return None
            self._room -= len(content)
            self._objects[ref] = value
        return ref

    def _with_secrets(self) -> Iterable[Any]:
        for digest, content in self._recording.contents.items():
            if b'"Secret' in content:
                yield self._read[digest]
        for step in self._recording.log:
            for event in step.found if isinstance(step.found, list) else ():
                if event.resource == "secrets":
                    yield [dict(event.request), dict(event.response)]


def _parsed(content: bytes) -> Any:
    """Return a JSON value; for what is none, what the API server's client makes of it."""
    try:
        document = json.loads(content)
    except ValueError:
        return {"message": content[:200].decode(errors="replace").strip()}
    if isinstance(document, dict) and document.get("kind") == "SecretList":
        # The API leaves the kind of items out, and so would they pass for something else.
        secrets = [{"kind": "Secret", **item} for item in document.get("items") or ()]
        return {**document, "items": secrets}
    return document


def _of_event(event: AuditEvent) -> Mapping[str, Any]:
    return {f.name: getattr(event, f.name) for f in fields(event)}


def _failure(failure: Failure | None) -> dict[str, Any]:
    return {"error": list(failure or ("GradingError", "Nothing was answered"))}


def _surprises(asked: Mapping[str, list[bool | Failure]]) -> dict[str, list[Any]]:
    """Return the answers up to the last one that the list of kinds does not explain."""
    kept: dict[str, list[Any]] = {}
    for key, answers in asked.items():
        odd = [number for number, answer in enumerate(answers) if answer is not True]
        if odd:
            kept[key] = [a if isinstance(a, bool) else list(a) for a in answers[: odd[-1] + 1]]
    return kept


def _rounded(seconds: float) -> float:
    """Return a moment in whole milliseconds, never later than it was."""
    return math.floor(seconds * 1000) / 1000


def _text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
