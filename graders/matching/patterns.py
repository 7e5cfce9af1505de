"""Patterns: what they may be made of, checked before anything is compared with them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from graders.errors import GradingError
from graders.matching.quantities import parse_quantity
from graders.matching.telling import below, reveal

ORDERED = ("$gt", "$ge", "$lt", "$le")
QUANTIFIED = ("$every", "$any", "$none")
OPERATORS = (
    "$eq",
    "$ne",
    *ORDERED,
    "$quantity",
    "$in",
    "$not_in",
    "$matches",
    "$contains",
    "$exists",
    "$not",
    *QUANTIFIED,
    "$length",
    "$unordered",
)
LONGEST_EXPRESSION = 500
"""Characters of a regular expression."""


class PatternInvalid(GradingError):
    """A pattern that cannot be compared with anything; a mistake of the check's author."""


def is_operator(pattern: Any) -> bool:
    """Whether a pattern is a map of operators rather than of keys."""
    return isinstance(pattern, Mapping) and any(str(key).startswith("$") for key in pattern)


def pattern_problems(pattern: Any, path: str = "") -> Iterator[str]:
    """Yield what is wrong with a pattern, a sentence each that begins with the path."""
    pattern = reveal(pattern)
    if is_operator(pattern):
        yield from _operator_problems(pattern, path)
    elif isinstance(pattern, Mapping):
        if not pattern and path == "":
            yield "an empty pattern matches everything"
        for key, value in pattern.items():
            yield from pattern_problems(value, below(path, key))
    elif isinstance(pattern, list | tuple):
        for place, value in enumerate(pattern):
            yield from pattern_problems(value, below(path, place))


def require_pattern(pattern: Any) -> None:
    """Refuse a pattern with problems.

    Raises:
        PatternInvalid: naming all of them.
    """
    if problems := list(pattern_problems(pattern)):
        raise PatternInvalid(f"The pattern of this check is wrong: {'; '.join(problems)}")


def _operator_problems(pattern: Mapping[Any, Any], path: str) -> Iterator[str]:
    for name, operand in pattern.items():
        place = below(path, name)
        if name not in OPERATORS:
            yield f"{place}: is no operator; there are {', '.join(OPERATORS)}"
        elif name in ("$not", *QUANTIFIED, "$length"):
            yield from _nested_problems(name, operand, place)
        elif problem := _operand_problem(name, operand):
            yield f"{place}: {problem}"


def _nested_problems(name: str, operand: Any, place: str) -> Iterator[str]:
    if operand == {}:
        yield f"{place}: an empty pattern matches everything"
    yield from pattern_problems(operand, place)


def _operand_problem(name: str, operand: Any) -> str:
    match name:
        case "$gt" | "$ge" | "$lt" | "$le" | "$quantity" if parse_quantity(operand) is None:
            return "must be a number or a quantity such as 64Gi"
        case "$in" | "$not_in" | "$unordered" if not isinstance(operand, list) or not operand:
            return "must be a list that is not empty"
        case "$exists" if not isinstance(operand, bool):
            return "must be true or false"
        case "$matches":
            return _expression_problem(operand)
        case _:
            return ""


def _expression_problem(operand: Any) -> str:
    if not isinstance(operand, str) or len(operand) > LONGEST_EXPRESSION:
        return f"must be a regular expression of at most {LONGEST_EXPRESSION} characters"
    try:
        re.compile(operand)
    except re.error as error:
        return f"is no regular expression: {error}"
    return ""
