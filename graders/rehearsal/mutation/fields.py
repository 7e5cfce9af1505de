"""Fields of a document and what can be done wrongly with each. Pure."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]
"""The keys and indexes that lead to a field."""

REMOVED = "removed"
"""How a field is wrong that is left out."""
_NOT = "not"
_LESS = "less"
_MORE = "more"
_OTHER = "other"
_OPPOSITES = {
    ">=": ">",
    "<=": "<",
    ">": ">=",
    "<": "<=",
    "==": "!=",
    "!=": "==",
    "&&": "||",
    "||": "&&",
}
_OPERATOR = re.compile(r"(?<![=!<>&|-])(>=|<=|==|!=|&&|\|\||>|<)(?![=>&|])")
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)*")
_NUMERIC = re.compile(r"\d+(\.\d+)*([KMGTPE]i?|m|k)?")
_IDENTITY = {"apiVersion", "kind"}
_METADATA_THAT_COUNTS = {"labels"}
"""Names are the business of decoys; annotations and the rest are for people and tools."""


def wrong_ways(document: Any) -> Iterator[tuple[Place, str]]:
    """Yield each field of a document and each way in which it can be made wrong."""
    for place, value, siblings in _fields(document, ()):
        only_child = isinstance(value, dict) and len(value) == 1  # that is left out by itself
        if not only_child and (siblings != 1 or isinstance(place[-1], str)):
            yield place, REMOVED
        if not isinstance(value, dict | list):
            yield from ((place, how) for how in _ways(value))


def made_wrong(document: Any, place: Place, how: str) -> Any:
    """Return a document with one field made wrong.

    Raises:
        LookupError: the document has no such field, or its value cannot be wrong in this way.
    """
    changed = copy.deepcopy(document)
    parent = changed
    for key in place[:-1]:
        parent = _child(parent, key)
    value = _child(parent, place[-1])
    if how == REMOVED:
        del parent[place[-1]]
    elif how in (ways := _ways(value)):
        parent[place[-1]] = ways[how]
    else:
        raise LookupError(how)
    return changed


def named(place: Place) -> str:
    """Return how people write a place: `spec.containers[0].image`."""
    text = ""
    for key in place:
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += f"[{key}]" if re.search(r"[./ ]", key) else f".{key}"
    return text.removeprefix(".")


def _child(parent: Any, key: Any) -> Any:
    if not isinstance(parent, dict if isinstance(key, str) else list):
        raise LookupError(key)
    return parent[key]


def _fields(value: Any, place: Place) -> Iterator[tuple[Place, Any, int]]:
    """Yield place, value and number of siblings of what may be made wrong, from the top."""
    children = value.items() if isinstance(value, dict) else enumerate(value)
    for key, child in children:
        below = (*place, key)
        if _is_left_alone(below):
            continue
        if key != "metadata" and place[-1:] != ("metadata",):
            yield below, child, len(value)
        if isinstance(child, dict | list):
            yield from _fields(child, below)


def _is_left_alone(place: Place) -> bool:
    *above, key = place
    if not above:
        return key in _IDENTITY or key == "status"
    return above[-1] == "metadata" and key not in _METADATA_THAT_COUNTS


def _ways(value: Any) -> dict[str, Any]:
    """Return how a value can be wrong, each with the wrong value."""
    match value:
        case bool():
            return {_NOT: not value}
        case int() | float():
            return {**({_LESS: value - 1} if value > 0 else {}), _MORE: value + 1}
        case str() if _NUMERIC.fullmatch(value):
            return dict(_other_numbers(value))
        case str() if _OPERATOR.search(value):
            return dict([*_other_operators(value), *_other_numbers(value)])
        case str():
            return {_OTHER: f"{value}-{_OTHER}" if value else _OTHER}
        case _:
            return {}


def _other_operators(text: str) -> Iterator[tuple[str, str]]:
    for number, found in enumerate(_OPERATOR.finditer(text), 1):
        instead = _OPPOSITES[found[0]]
        yield f"{found[0]} as {instead}{_ordinal(number)}", _put(text, found, instead)


def _other_numbers(text: str) -> Iterator[tuple[str, str]]:
    for number, found in enumerate(_NUMBER.finditer(text), 1):
        head, dot, last = found[0].rpartition(".")  # of a version such as 1.2.3 the last part
        if int(last) > 0:
            less = f"{head}{dot}{int(last) - 1}"
            yield f"{_LESS}{_ordinal(number)}", _put(text, found, less)
        more = f"{head}{dot}{int(last) + 1}"
        yield f"{_MORE}{_ordinal(number)}", _put(text, found, more)


def _ordinal(number: int) -> str:
    return f"#{number}" if number > 1 else ""


def _put(text: str, match: re.Match[str], instead: str) -> str:
    return text[: match.start()] + instead + text[match.end() :]
