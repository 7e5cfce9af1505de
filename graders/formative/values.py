"""Values: Python data as JSON and back, so that it can cross between processes.

    data      None, bool, int, float, complex, str, bytes, and lists, tuples, sets and dictionaries
              of data: of exactly these types, since a subclass may lie about what it equals
    anything  else crosses as a Reference, a number that only its own process understands

Nothing is ever unpickled. Reading accepts only what writing makes.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DEPTH_LIMIT = 50
SIZE_LIMIT = 100_000
"""Data larger than so many values does not cross; a Reference does instead."""


@dataclass(frozen=True)
class Reference:
    """Something that stays in its process."""

    number: int
    kind: str
    """Name of its type, for sentences."""


class ValueInvalid(ValueError):
    """What was received is not what `to_wire` makes."""


def to_wire(value: object, keep: Callable[[object], Reference]) -> Any:
    """Return a value as JSON.

    Args:
        value: anything.
        keep: remembers what is no data, and returns the Reference for it.
    """
    try:
        return _Writer(keep).write(value, DEPTH_LIMIT)
    except _TooLarge:
        return _reference(keep(value))


def from_wire(document: Any, resolve: Callable[[Reference], object]) -> Any:
    """Return the value that JSON stands for.

    Args:
        document: what `to_wire` returned, from a process that is not trusted.
        resolve: returns what a Reference stands for here.

    Raises:
        ValueInvalid: it is something else.
    """
    try:
        return _read(document, resolve, DEPTH_LIMIT)
    except (TypeError, ValueError, LookupError) as error:
        raise ValueInvalid(f"this is no value: {error}") from error


def is_data(value: object) -> bool:
    """Whether a value crosses as itself."""
    try:
        _Writer(_refuse).write(value, DEPTH_LIMIT)
    except _TooLarge:
        return False
    return True


class _TooLarge(Exception):
    """The value is too deep, too large, or holds what is no data where it must not."""


def _refuse(value: object) -> Reference:
    raise _TooLarge


class _Writer:
    def __init__(self, keep: Callable[[object], Reference]) -> None:
        self._keep = keep
        self._left = SIZE_LIMIT

    def write(self, value: object, depth: int) -> Any:
        self._left -= 1
        if depth < 0 or self._left < 0:
            raise _TooLarge
        kind = type(value)
        if value is None or kind in (bool, int, float, str):
            return value
        if kind is complex:
            assert isinstance(value, complex)
            return ["complex", [value.real, value.imag]]
        if kind is bytes:
            assert isinstance(value, bytes)
            return ["bytes", base64.b64encode(value).decode()]
        if kind is dict:
            assert isinstance(value, dict)
            below = depth - 1
            pairs = [[self.write(k, below), self.write(v, below)] for k, v in value.items()]
            return ["dict", pairs]
        if kind in (list, tuple, set, frozenset):
            assert isinstance(value, list | tuple | set | frozenset)
            return [kind.__name__, [self.write(part, depth - 1) for part in value]]
        return _reference(self._keep(value))


def _reference(reference: Reference) -> Any:
    return ["reference", [reference.number, reference.kind]]


def _read(document: Any, resolve: Callable[[Reference], object], depth: int) -> Any:
    if depth < 0:
        raise ValueInvalid("it is too deep")
    if document is None or isinstance(document, bool | int | float | str):
        return document
    tag, content = document
    match tag:
        case "complex":
            real, imaginary = content
            return complex(float(real), float(imaginary))
        case "bytes":
            return base64.b64decode(content, validate=True)
        case "reference":
            number, kind = content
            return resolve(Reference(int(number), str(kind)))
        case "dict":
            return {
                _read(key, resolve, depth - 1): _read(value, resolve, depth - 1)
                for key, value in content
            }
        case "list" | "tuple" | "set" | "frozenset":
            make = {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[tag]
            return make([_read(part, resolve, depth - 1) for part in content])
    raise ValueInvalid(f"{str(tag)[:20]!r} is no kind of value")
