"""Variant: the parameters that a seed draws for one attempt.

The same seed and lab give the same values everywhere: manifests, notebook and checks, whatever
the provider of the cluster. How one parameter is drawn is said in `graders.parameters`.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graders.parameters import ParameterSpec, Value

__all__ = [
    "ParameterSpec",
    "Value",
    "Variant",
    "answers_in",
    "draw_variant",
    "odds_of_likeness",
    "order_of_draw",
]


@dataclass(frozen=True)
class Variant:
    """The drawn parameters of one attempt; read like a mapping."""

    seed: int
    values: Mapping[str, Value]
    answers: frozenset[str] = frozenset()
    """Names of the parameters that the learner must find out."""

    def __getitem__(self, name: str) -> Any:
        """Return the value of a parameter."""
        return self.values[name]


def draw_variant(parameters: Mapping[str, ParameterSpec], seed: int) -> Variant:
    """Draw every parameter.

    Each parameter has its own random source, so that adding one does not change the others.
    """
    values: dict[str, Value] = {}
    for name in order_of_draw(parameters):
        spec = parameters[name]
        taken = [values[other] for other in spec.different_from]
        values[name] = spec.draw(random.Random(f"{seed}/{name}"), taken)
    return Variant(seed, {name: values[name] for name in parameters}, answers_in(parameters))


def answers_in(parameters: Mapping[str, ParameterSpec]) -> frozenset[str]:
    """Return the names of the parameters that the learner must find out."""
    return frozenset(name for name, spec in parameters.items() if spec.answer)


def order_of_draw(parameters: Mapping[str, ParameterSpec]) -> list[str]:
    """Return the names so that each comes after those it must be different from.

    Raises:
        ValueError: one is to be different from a parameter that is unknown, or from itself in the
            end.
    """
    order: list[str] = []
    waiting = dict(parameters)
    while waiting:
        ready = [n for n, spec in waiting.items() if not set(spec.different_from) - set(order)]
        if not ready:
            raise ValueError(_why_never(waiting, parameters))
        for name in ready:
            order.append(name)
            del waiting[name]
    return order


def odds_of_likeness(specs: Iterable[ParameterSpec]) -> float:
    """Estimate how many learners there are to one with the same values; at least 1."""
    likeness = math.prod(spec.likeness for spec in specs)
    return 1 / likeness if likeness else math.inf


def _why_never(
    waiting: Mapping[str, ParameterSpec], parameters: Mapping[str, ParameterSpec]
) -> str:
    for name, spec in waiting.items():
        if unknown := sorted(set(spec.different_from) - set(parameters)):
            return f"parameters.{name}: different_from: there is no parameter {unknown[0]!r}"
    circle = ", ".join(sorted(waiting))
    return f"parameters: different_from of {circle} goes in a circle"
