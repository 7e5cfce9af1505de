"""Tree: compares what was found with a pattern, and says where they differ.

Only what the pattern names is compared. Maps are compared key by key, lists item by item, and
anything else must be equal and of the same type; below `requests`, `limits`, `capacity` and the
like quantities are equal when they amount to the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from graders.matching.patterns import is_operator, require_pattern
from graders.matching.quantities import parse_quantity
from graders.matching.telling import ABSENT, Difference, Hidden, below, reveal, shorten, tell

_QUANTITIES = re.compile(r"(?:^|[.\]])(?:requests|limits|capacity|allocatable|hard|used)(?=[.\[])")
"""Paths below which texts are quantities."""


def differences(found: Any, pattern: Any) -> list[Difference]:
    """Return where something is not as a pattern says; [] where it is.

    Args:
        found: plain values, as from the API.
        pattern: maps, lists, values and operators.

    Raises:
        PatternInvalid: the pattern has a mistake.
    """
    require_pattern(pattern)
    return _compare(found, pattern, "")


def _compare(found: Any, pattern: Any, path: str) -> list[Difference]:
    found = ABSENT if found is None else found
    if isinstance(pattern, Hidden):
        is_same = not _compare(found, reveal(pattern), path)
        return [] if is_same else [Difference(path, tell(pattern), tell(found))]
    if is_operator(pattern):
        return [d for name, operand in pattern.items() for d in _apply(name, operand, found, path)]
    if isinstance(pattern, Mapping):
        return _compare_maps(found, pattern, path)
    if isinstance(pattern, list | tuple):
        return _compare_lists(found, pattern, path)
    if _is_equal(found, pattern, path):
        return []
    return [Difference(path, "(absent)" if pattern is None else tell(pattern), tell(found))]


def _compare_maps(found: Any, pattern: Mapping[Any, Any], path: str) -> list[Difference]:
    if isinstance(found, Mapping):
        inside = found
    elif found is ABSENT and pattern:
        inside = {}  # each key tells its own difference
    else:
        return [Difference(path, tell(pattern), tell(found))]
    return [
        difference
        for key, value in pattern.items()
        for difference in _compare(inside.get(key, ABSENT), value, below(path, key))
    ]


def _compare_lists(found: Any, pattern: Any, path: str) -> list[Difference]:
    if not isinstance(found, list) or len(found) != len(pattern):
        return [Difference(path, tell(pattern), tell(found))]
    return [
        difference
        for place, (item, value) in enumerate(zip(found, pattern, strict=True))
        for difference in _compare(item, value, below(path, place))
    ]


def _is_equal(found: Any, expected: Any, path: str) -> bool:
    if found is ABSENT or expected is None:
        return found is ABSENT and expected is None
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if _QUANTITIES.search(path):
        amounts = parse_quantity(found), parse_quantity(expected)
        if None not in amounts:
            return amounts[0] == amounts[1]
    numbers = isinstance(found, int | float) and isinstance(expected, int | float)
    return (numbers or type(found) is type(expected)) and bool(found == expected)


def _apply(name: str, operand: Any, found: Any, path: str) -> list[Difference]:
    """Apply one operator."""
    match name:
        case "$exists":
            return _unless((found is not ABSENT) is operand, _PRESENCE[operand], found, path)
        case "$not":
            return _unless(
                bool(_compare(found, operand, path)), f"not {tell(operand)}", found, path
            )
        case "$any" | "$every" | "$none":
            return _QUANTIFIERS[name](found, operand, path)
        case "$length":
            length = len(found) if isinstance(found, list | Mapping | str) else 0
            return _compare(length, operand, f"length of {path or 'the whole'}")
        case "$unordered":
            is_same = _is_same_set(found, reveal(operand), path)
            return _unless(is_same, f"{tell(operand)} in any order", found, path)
        case "$eq":
            return _compare(found, operand, path)
    return _unless(
        found is not ABSENT and _COMPARISONS[name](found, reveal(operand), path),
        _WORDS[name].format(tell(operand)),
        found,
        path,
    )


def _unless(holds: bool, expected: str, found: Any, path: str) -> list[Difference]:
    return [] if holds else [Difference(path, shorten(expected), tell(found))]


def _any(found: Any, pattern: Any, path: str) -> list[Difference]:
    if not isinstance(found, list) or not found:
        return [Difference(path, shorten(f"an item like {tell(pattern)}"), tell(found))]
    tried = [_compare(item, pattern, below(path, place)) for place, item in enumerate(found)]
    closest = min(tried, key=len)
    if not closest or len(found) == 1 or _stands_out(closest, tried, pattern):
        return closest
    return [Difference(path, shorten(f"an item like {tell(pattern)}"), tell(found))]


def _stands_out(closest: list[Difference], tried: list[list[Difference]], pattern: Any) -> bool:
    """Whether one item is nearly right, so that it is surely the one that is meant."""
    is_only = [len(d) for d in tried].count(len(closest)) == 1
    return is_only and isinstance(pattern, Mapping) and len(closest) < len(pattern)


def _every(found: Any, pattern: Any, path: str) -> list[Difference]:
    if not isinstance(found, list) or not found:
        return [Difference(path, shorten(f"items like {tell(pattern)}"), tell(found))]
    return [
        difference
        for place, item in enumerate(found)
        for difference in _compare(item, pattern, below(path, place))
    ]


def _none(found: Any, pattern: Any, path: str) -> list[Difference]:
    items = found if isinstance(found, list) else []
    if found is not ABSENT and not isinstance(found, list):
        return [Difference(path, "a list", tell(found))]
    expected = shorten(f"no item like {tell(pattern)}")
    return [
        Difference(below(path, place), expected, tell(item))
        for place, item in enumerate(items)
        if not _compare(item, pattern, below(path, place))
    ]


def _is_same_set(found: Any, operand: Any, path: str) -> bool:
    if not isinstance(found, list) or len(found) != len(operand):
        return False
    left = list(found)
    for pattern in operand:
        match = next((item for item in left if not _compare(item, pattern, path)), ABSENT)
        if match is ABSENT:
            return False
        left.remove(match)
    return True


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any, str], bool]:
    def holds(found: Any, operand: Any, path: str) -> bool:
        amount, limit = parse_quantity(found), parse_quantity(operand)
        return amount is not None and limit is not None and compare(amount, limit)

    return holds


def _matches(found: Any, operand: Any, path: str) -> bool:
    return isinstance(found, str) and re.fullmatch(operand, found) is not None


def _contains(found: Any, operand: Any, path: str) -> bool:
    if isinstance(found, str):
        return isinstance(operand, str) and operand in found
    return isinstance(found, list) and any(not _compare(item, operand, path) for item in found)


def _is_one_of(found: Any, operand: Any, path: str) -> bool:
    return any(not _compare(found, value, path) for value in operand)


_PRESENCE = {True: "(present)", False: "(absent)"}
_QUANTIFIERS = {"$any": _any, "$every": _every, "$none": _none}
_COMPARISONS: dict[str, Callable[[Any, Any, str], bool]] = {
    "$ne": lambda found, operand, path: bool(_compare(found, operand, path)),
    "$gt": _ordered(lambda a, b: a > b),
    "$ge": _ordered(lambda a, b: a >= b),
    "$lt": _ordered(lambda a, b: a < b),
    "$le": _ordered(lambda a, b: a <= b),
    "$quantity": _ordered(lambda a, b: a == b),
    "$in": _is_one_of,
    "$not_in": lambda found, operand, path: not _is_one_of(found, operand, path),
    "$matches": _matches,
    "$contains": _contains,
}
_WORDS = {
    "$ne": "anything but {}",
    "$gt": "more than {}",
    "$ge": "at least {}",
    "$lt": "less than {}",
    "$le": "at most {}",
    "$quantity": "{}",
    "$in": "one of {}",
    "$not_in": "none of {}",
    "$matches": "a text that matches {}",
    "$contains": "something with {}",
}
