"""Witness: is there when a check learns what no request to the API server says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from graders.probes import random_name


class Witness(Protocol):
    """Draws the random names of probes, and is there when something is measured."""

    def draw_name(self) -> str:
        """Return a name that nobody can guess."""

    def observe(self, what: str, look: Callable[[], Any]) -> Any:
        """Return what `look` measures."""


class NoWitness:
    """Lets a check draw and measure by itself."""

    def draw_name(self) -> str:
        """Return a name that nobody can guess."""
        return random_name()

    def observe(self, what: str, look: Callable[[], Any]) -> Any:
        """Return what `look` measures."""
        return look()
