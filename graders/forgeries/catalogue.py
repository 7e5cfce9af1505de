"""The catalogue: every forgery that is known."""

from __future__ import annotations

from graders.forgeries import (
    admission,
    copies,
    hardware,
    identities,
    meddling,
    shadows,
    starvation,
    statuses,
    traces,
)
from graders.forgeries.forgery import Forgery

_FAMILIES = (
    statuses,
    copies,
    identities,
    hardware,
    admission,
    shadows,
    starvation,
    meddling,
    traces,
)
"""Modules with forgeries, in the order of the catalogue."""


def forgeries() -> list[Forgery]:
    """Return every known forgery, by family; the names are unique."""
    return [one for module in _FAMILIES for one in vars(module).values() if _is_forgery(one)]


def _is_forgery(value: object) -> bool:
    return isinstance(value, Forgery)
