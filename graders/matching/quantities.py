"""Quantities of Kubernetes (`64Gi`, `500m`, `1e3`) and semantic versions, as exact numbers."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

_SUFFIXES = {
    **{"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18},
}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_QUANTITY = re.compile(
    r"(?P<number>[+-]?(?:[0-9]{1,30}(?:\.[0-9]{0,30})?|\.[0-9]{1,30}))"
    r"(?P<suffix>[numkMGTPE]?|[KMGTPE]i|[eE][+-]?[0-9]{1,3})"
)
_VERSION = re.compile(
    r"(?P<core>(?:0|[1-9][0-9]{0,30})(?:\.(?:0|[1-9][0-9]{0,30})){2})"
    r"(?:-(?P<before>[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
)


def parse_quantity(value: Any) -> Decimal | None:
    """Return what a number or a quantity amounts to, or None where it is neither.

    Follows k8s.io/apimachinery/pkg/api/resource: decimal suffixes from n to E, binary ones from Ki
    to Ei, exponents; never both.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float | Decimal):
        number = Decimal(str(value))
        return number if number.is_finite() else None
    if not isinstance(value, str) or not (found := _QUANTITY.fullmatch(value)):
        return None
    number, suffix = Decimal(found["number"]), found["suffix"]
    if suffix in _BINARY:
        return number * (1 << _BINARY[suffix])
    if suffix in _SUFFIXES:
        return number.scaleb(_SUFFIXES[suffix])
    return number.scaleb(int(suffix[1:]))


VersionKey = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


def parse_version(text: Any) -> VersionKey | None:
    """Return what orders a semantic version 2.0.0 among others, or None where it is none.

    One without a pre-release comes after those with one; build metadata says nothing.
    """
    if not isinstance(text, str) or not (found := _VERSION.fullmatch(text)):
        return None
    before = found["before"]
    identifiers = before.split(".") if before else []
    return (
        tuple(int(part) for part in found["core"].split(".")),
        not identifiers,
        tuple((not i.isdigit(), int(i) if i.isdigit() else 0, i) for i in identifiers),
    )
