"""ParameterSpec: how one parameter of a lab is drawn, and how likely two draws are the same.

Give exactly one of

    {choice: [a, b, c]}                  one of the values; `weights: [3, 1, 1]` makes some likelier
    {integer: [low, high]}               a whole number, both ends included; `step: 5` for every 5th
    {decimal: [0.5, 2], step: 0.25}      a number with decimals, both ends included
    {sample: [a, b, c, d], count: 2}     a list of so many different values
    {permutation: [a, b, c]}             a list of all the values in another order
    {word: prefix}                       `<prefix>-` and five random letters, which nobody can guess

`different_from: [other]` draws again until the value differs from those of other parameters.
With `answer: true` the value is something the learner must find out.
"""

from __future__ import annotations

import math
import random
import string
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, model_validator

Scalar: TypeAlias = str | int | float | bool
Value: TypeAlias = Scalar | list[Scalar]
"""What a parameter can be; plain JSON."""

_KINDS = ("choice", "integer", "decimal", "sample", "permutation", "word")
_LETTERS = 5
_DRAWS = 10_000
"""Draws for a value that differs from others; a spec that needs so many is refused before."""


class ParameterSpec(BaseModel):
    """How one parameter is drawn."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    choice: tuple[Scalar, ...] | None = None
    """One of these values."""
    weights: tuple[Annotated[float, Field(gt=0, allow_inf_nan=False)], ...] | None = None
    """How likely each of `choice` is, compared with the others."""
    integer: tuple[int, int] | None = None
    """A whole number from the first to the second, both included."""
    decimal: tuple[Decimal, Decimal] | None = None
    """A number from the first to the second, both included, in steps of `step`."""
    step: Annotated[Decimal, Field(gt=0, allow_inf_nan=False)] | None = None
    """Distance between neighbours of `integer` (1 by default) or `decimal`."""
    sample: tuple[Scalar, ...] | None = None
    """`count` different ones of these, in a random order."""
    count: Annotated[int, Field(ge=1)] | None = None
    """How many of `sample`."""
    permutation: tuple[Scalar, ...] | None = None
    """All of these in a random order."""
    word: str | None = None
    """Prefix of a name that nobody can guess."""
    different_from: tuple[str, ...] = ()
    """Names of parameters whose values this one must not have."""
    answer: bool = False
    """Whether the learner must find the value out, so that the notebook must not show it."""

    @model_validator(mode="after")
    def _is_whole(self) -> ParameterSpec:
        if problem := next(_problems(self), ""):
            raise ValueError(problem)
        return self

    def draw(self, source: random.Random, taken: Collection[Value] = ()) -> Value:
        """Draw a value.

        Args:
            source: gives the same value for the same seed.
            taken: values that it must not be; there must be others.
        """
        for _ in range(_DRAWS):
            value = self._draw(source)
            if value not in taken:
                return value
        raise ValueError(f"every value is taken: {taken}")

    def _draw(self, source: random.Random) -> Value:
        if self.choice is not None:
            if self.weights is None:
                return source.choice(self.choice)
            return source.choices(self.choice, self.weights)[0]
        if self.integer is not None:
            low, high = self.integer
            return source.randrange(low, high + 1, int(self.step or 1))
        if self.decimal is not None and self.step is not None:
            place = source.randrange(int(self.values))
            return float(self.decimal[0] + place * self.step)
        if self.sample is not None and self.count is not None:
            return source.sample(self.sample, self.count)
        if self.permutation is not None:
            return source.sample(self.permutation, len(self.permutation))
        return f"{self.word}-{''.join(source.choices(string.ascii_lowercase, k=_LETTERS))}"

    @property
    def values(self) -> int:
        """How many different values it can have."""
        if self.choice is not None:
            return len(self.choice)
        if self.integer is not None:
            return (self.integer[1] - self.integer[0]) // int(self.step or 1) + 1
        if self.decimal is not None:
            return int((self.decimal[1] - self.decimal[0]) / (self.step or 1)) + 1
        if self.sample is not None:
            return math.perm(len(self.sample), self.count or 1)
        if self.permutation is not None:
            return math.factorial(len(self.permutation))
        return int(len(string.ascii_lowercase) ** _LETTERS)

    @property
    def likeness(self) -> float:
        """Estimate how likely two draws are the same, between 0 and 1."""
        if self.weights is not None:
            total = sum(self.weights)
            return sum((weight / total) ** 2 for weight in self.weights)
        return 1 / max(self.values - len(self.different_from), 1)


def _problems(spec: ParameterSpec) -> Iterator[str]:
    given = [kind for kind in _KINDS if getattr(spec, kind) is not None]
    if len(given) != 1:
        yield f"give exactly one of {', '.join(_KINDS)}"
        return
    yield from _stray_keys(spec, given[0])
    yield from _bad_ranges(spec)
    yield from _bad_lists(spec)
    if spec.values <= len(spec.different_from):
        yield "different_from: too few values are left"


def _stray_keys(spec: ParameterSpec, kind: str) -> Iterator[str]:
    for key, kinds in (
        ("weights", ("choice",)),
        ("step", ("integer", "decimal")),
        ("count", ("sample",)),
    ):
        if getattr(spec, key) is not None and kind not in kinds:
            yield f"{key}: belongs to {' or '.join(kinds)}, not to {kind}"
    if spec.decimal is not None and spec.step is None:
        yield "decimal: needs a step, for example step: 0.5"
    if spec.sample is not None and spec.count is None:
        yield "sample: needs a count"


def _bad_ranges(spec: ParameterSpec) -> Iterator[str]:
    for kind, bounds in (("integer", spec.integer), ("decimal", spec.decimal)):
        if bounds is None:
            continue
        if not all(Decimal(bound).is_finite() for bound in bounds):
            yield f"{kind}: must be two numbers"
        elif bounds[0] > bounds[1]:
            yield f"{kind}: the first number must not be above the second"
        elif spec.step is not None and (bounds[1] - bounds[0]) % spec.step:
            yield f"{kind}: the second number is not reached in steps of {spec.step}"
    if spec.integer is not None and spec.step is not None and spec.step % 1:
        yield "step: of an integer must be a whole number"


def _bad_lists(spec: ParameterSpec) -> Iterator[str]:
    for kind in ("choice", "sample", "permutation"):
        values: Sequence[Any] | None = getattr(spec, kind)
        if values is None:
            continue
        if not values:
            yield f"{kind}: give at least one value"
        if twice := [value for value, times in Counter(map(repr, values)).items() if times > 1]:
            yield f"{kind}: {', '.join(twice)} is given twice"
    if spec.choice is not None and spec.weights is not None:
        if len(spec.weights) != len(spec.choice):
            yield f"weights: give {len(spec.choice)}, one for each value of choice"
    if spec.sample is not None and spec.count is not None and spec.count > len(spec.sample):
        yield f"count: there are only {len(spec.sample)} values to take from"
