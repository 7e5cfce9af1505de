"""Quantities of Kubernetes (`500m`, `64Mi`), as far as limits need them."""

from __future__ import annotations

import math
import re
from decimal import Decimal

_FORM = re.compile(r"^([+-]?\d*\.?\d+)(?:[eE]([+-]?\d+))?(Ki|Mi|Gi|Ti|Pi|Ei|n|u|m|k|M|G|T|P|E)?$")
_BINARY = {
    name: Decimal(2) ** (10 * power)
    for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), 1)
}
_DECIMAL = {
    "n": Decimal("1e-9"),
    "u": Decimal("1e-6"),
    "m": Decimal("1e-3"),
    **{name: Decimal(10) ** (3 * power) for power, name in enumerate("kMGTPE", 1)},
}


def value_of(quantity: str) -> Decimal:
    """Return the number that a quantity stands for.

    Raises:
        ValueError: it is no quantity.
    """
    found = _FORM.match(quantity)
    if found is None:
        raise ValueError(f"{quantity!r} is no quantity")
    number, exponent, unit = found.groups()
    factor = (_BINARY | _DECIMAL).get(unit, Decimal(1))
    return Decimal(number) * Decimal(10) ** int(exponent or 0) * factor


def bytes_of(quantity: str) -> int:
    """Return a quantity of bytes, rounded up.

    Raises:
        ValueError: it is no quantity.
    """
    return math.ceil(value_of(quantity))


def in_units(quantity: str, unit: str) -> int:
    """Return how many units a quantity is, rounded up."""
    return math.ceil(value_of(quantity) / value_of(unit)) if value_of(unit) else 0
