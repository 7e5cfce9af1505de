"""Steps: what a check asks, and what it is told."""

from __future__ import annotations

from typing import Any, NamedTuple

Failure = tuple[str, str]
"""Name and sentence of a GradingError."""


class Spoken(NamedTuple):
    """An answer of the API server."""

    status: int
    content: str
    """Digest of the bytes."""
    headers: dict[str, str] | None = None
    """Where the answer is taken as it is."""


class Request(NamedTuple):
    """One request to the API server."""

    method: str
    path: str
    query: dict[str, str]
    body: str = ""
    """Digest of the body; empty where there is none."""
    raw: bool = False
    """Whether the answer is taken as it is, JSON or not."""
    at: float = 0.0
    """When it was answered, in seconds since the check began."""
    answer: Spoken | None = None
    error: Failure | None = None


class LogStep(NamedTuple):
    """One look into the audit log."""

    query: dict[str, Any] | None = None
    """Which events are wanted; None where it is asked when the log begins."""
    at: float = 0.0
    found: Any = None
    """The events, or when the log begins."""
    error: Failure | None = None


class Observation(NamedTuple):
    """One thing that a check measured by itself."""

    at: float
    what: str
    value: str = ""
    """Digest of the JSON value."""
    error: Failure | None = None
