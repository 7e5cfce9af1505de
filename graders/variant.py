"""Variant: the parameters that a seed draws for one attempt.

The same seed and lab give the same values everywhere: manifests, notebook and checks.
A parameter is one of

    {choice: [a, b, c]}      one of the values
    {integer: [low, high]}   a whole number, both ends included
    {word: prefix}           `<prefix>-` and five random letters, a name nobody can guess

With `answer: true` the value is something the learner must find out: `assay lab lint` refuses a
notebook that uses it.
"""

from __future__ import annotations

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

Value = str | int | bool


class ParameterSpec(BaseModel):
    """How one parameter is drawn; exactly one of choice, integer and word."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: tuple[Value, ...] | None = None
    """One of these values."""
    integer: tuple[int, int] | None = None
    """A whole number from the first to the second, both included."""
    word: str | None = None
    """Prefix of a name that nobody can guess."""
    answer: bool = False
    """Whether the learner must find the value out, so that the notebook must not show it."""

    @model_validator(mode="after")
    def _exactly_one(self) -> ParameterSpec:
        given = [k for k in ("choice", "integer", "word") if getattr(self, k) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of choice, integer, word")
        if self.choice is not None and not self.choice:
            raise ValueError("choice: give at least one value")
        if self.integer is not None and self.integer[0] > self.integer[1]:
            raise ValueError("integer: the first number must not be above the second")
        return self

    def draw(self, source: random.Random) -> Value:
        """Draw a value."""
        if self.choice is not None:
            return source.choice(self.choice)
        if self.integer is not None:
            return source.randint(*self.integer)
        return f"{self.word}-{''.join(source.choices(string.ascii_lowercase, k=5))}"


@dataclass(frozen=True)
class Variant:
    """The drawn parameters of one attempt; read like a mapping."""

    seed: int
    values: Mapping[str, Value]

    def __getitem__(self, name: str) -> Any:
        """Return the value of a parameter."""
        return self.values[name]


def draw_variant(parameters: Mapping[str, ParameterSpec], seed: int) -> Variant:
    """Draw every parameter.

    Each parameter has its own random source, so that adding one does not change the others.
    """
    values = {name: spec.draw(random.Random(f"{seed}/{name}")) for name, spec in parameters.items()}
    return Variant(seed, values)
