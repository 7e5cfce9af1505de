"""Evidence as people read it: what a check asked, what it was told, and when. Pure.

A bundle names each thing that was said by its digest; here each thing stands where it was said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import yaml

SHOWN = 200
"""Steps of one check that a page shows; a file has them all."""
_NOT_KEPT = "(it did not fit into the evidence)"


@dataclass(frozen=True)
class Step:
    """One thing that a check asked or measured, in the order of time."""

    at: float
    """Seconds since the check began."""
    asked: str
    """`GET /api/v1/nodes`, `audit log: create pods`, ..."""
    told: str
    """In a few words: `200, 3 items`, `2 events`, an error's sentence."""
    failed: bool
    """Whether nothing was answered."""
    sent: str = ""
    """What was sent along, as YAML."""
    answer: str = ""
    """What was answered, as YAML."""


@dataclass(frozen=True)
class TaskEvidence:
    """What one check was told."""

    task: str
    outcome: str
    message: str
    seconds: float
    began_at: str
    """RFC 3339, UTC; empty where nothing was recorded."""
    steps: tuple[Step, ...]
    more: int
    """Steps that are not among those shown."""
    dropped: str
    """What the evidence itself lacks, in words; empty when it has everything."""


def tasks_of(bundle: Mapping[str, Any]) -> list[TaskEvidence]:
    """Return what each check of a bundle was told, in the order of the bundle."""
    objects = bundle.get("objects", {})
    return [_task(id, entry, objects) for id, entry in bundle.get("tasks", {}).items()]


def about(bundle: Mapping[str, Any]) -> dict[str, str]:
    """Return what the checks of a bundle knew besides, in words."""
    versions = ", ".join(f"{name} {value}" for name, value in bundle.get("versions", {}).items())
    facts = {
        "Cluster": bundle.get("cluster_uid", ""),
        "Versions": versions,
        "Seed": str(bundle.get("seed", "")),
        "Parameters": _yaml(bundle.get("values")),
        "Starting state": _yaml(bundle.get("baseline")),
    }
    return {name: value for name, value in facts.items() if value}


def _task(id: str, entry: Mapping[str, Any], objects: Mapping[str, Any]) -> TaskEvidence:
    recording = entry.get("recording") or {}
    steps = sorted(
        [
            *(_request(step, objects) for step in recording.get("requests", ())),
            *(_look(step, objects) for step in recording.get("log", ())),
            *(_observation(step, objects) for step in recording.get("observations", ())),
        ],
        key=lambda step: step.at,
    )
    return TaskEvidence(
        task=id,
        outcome=str(entry.get("outcome", "")),
        message=str(entry.get("message", "")),
        seconds=float(entry.get("seconds", 0)),
        began_at=str(recording.get("began_at", "")),
        steps=tuple(steps[:SHOWN]),
        more=max(0, len(steps) - SHOWN),
        dropped=_dropped(recording.get("dropped", {})),
    )


def _request(step: Mapping[str, Any], objects: Mapping[str, Any]) -> Step:
    query = f"?{urlencode(step['query'])}" if step.get("query") else ""
    asked = f"{step['method']} {step['path']}{query}"
    sent = _yaml(_said(step.get("body"), objects)) if step.get("body") else ""
    if error := step.get("error"):
        return Step(step["at"], asked, _sentence(error), failed=True, sent=sent)
    answer = _said(step.get("answer"), objects)
    told = str(step.get("status", ""))
    if (items := step.get("items")) is not None:
        answer = [_said(item, objects) for item in items]
        told += f", {len(items)} {'item' if len(items) == 1 else 'items'}"
    return Step(step["at"], asked, told, failed=False, sent=sent, answer=_yaml(answer))


def _look(step: Mapping[str, Any], objects: Mapping[str, Any]) -> Step:
    query = step.get("query")
    words = "when it begins" if query is None else _query(query)
    asked = f"audit log: {words}"
    if error := step.get("error"):
        return Step(step["at"], asked, _sentence(error), failed=True)
    if query is None:
        return Step(step["at"], asked, str(step.get("begins", "")), failed=False)
    events = step.get("events", [])
    told = f"{len(events)} {'event' if len(events) == 1 else 'events'}"
    answer = _yaml([_said(event, objects) for event in events]) if events else ""
    return Step(step["at"], asked, told, failed=False, answer=answer)


def _observation(step: Mapping[str, Any], objects: Mapping[str, Any]) -> Step:
    if error := step.get("error"):
        return Step(step["at"], step["what"], _sentence(error), failed=True)
    return Step(
        step["at"],
        step["what"],
        "measured",
        failed=False,
        answer=_yaml(_said(step.get("value"), objects)),
    )


def _query(query: Mapping[str, Any]) -> str:
    parts = []
    for name, value in query.items():
        parts.append(f"{name}={','.join(value) if isinstance(value, list) else value}")
    return " ".join(parts) or "every event"


def _said(ref: str | None, objects: Mapping[str, Any]) -> Any:
    return _NOT_KEPT if ref is None else objects.get(ref, _NOT_KEPT)


def _sentence(error: Any) -> str:
    return f"nothing: {error[-1] if isinstance(error, list) else error}"


def _dropped(dropped: Mapping[str, Any]) -> str:
    lacks = [f"{count} {what}" for what, count in dropped.items() if count]
    return f"{' and '.join(lacks)} did not fit" if lacks else ""


def _yaml(value: Any) -> str:
    if value in (None, "", {}, []):
        return ""
    if isinstance(value, str):
        return value
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110).rstrip()
