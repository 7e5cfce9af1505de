"""The kinds of value that an Inventory is made of, each with the sentence that says what it is."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BaseModel, ConfigDict

from clusters.problems import matching

NodeName = Annotated[
    str,
    matching(
        r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?",
        "a DNS label: lower-case letters, digits and '-', at most 63",
    ),
]
DriverName = Annotated[
    str,
    matching(
        r"(?=.{1,63}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*",
        "a DNS name such as gpu.example.com, at most 63 characters",
    ),
]
LabelKey = Annotated[
    str,
    matching(
        r"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
        "a label key such as example.com/zone",
    ),
]
LabelValue = Annotated[
    str,
    matching(
        r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?",
        "a label value: letters, digits, '-', '_' and '.', at most 63",
    ),
]
ResourceName = Annotated[
    str,
    matching(
        r"(?=.{1,253}$)(?!.*kubernetes\.io/)[a-z0-9]([-a-z0-9.]*[a-z0-9])?/"
        r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?",
        "a resource name such as example.com/gpu, outside kubernetes.io",
    ),
]
ProfileName = Annotated[
    str,
    matching(
        r"[a-z0-9]([-.a-z0-9]{0,22}[a-z0-9])?",
        "a name such as 1g.10gb: lower-case letters, digits, '-' and '.', at most 24",
    ),
]
Quantity = Annotated[
    str,
    matching(
        r"[0-9]+(\.[0-9]+)?(m|k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?", "a Kubernetes quantity such as 80Gi"
    ),
]
SemanticVersion = Annotated[
    str,
    matching(
        r"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?",
        "a semantic version such as 550.54.15",
    ),
]
_DECIMAL = {"": 0, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5}
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTP]?)(i?)")


class Strict(BaseModel):
    """A part of a document in which an unknown key is a problem."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


def amount_of(quantity: str) -> Decimal:
    """Return what a quantity stands for, for example 1024 for `1Ki`.

    Raises:
        ValueError: it is no quantity.
    """
    match = _QUANTITY.fullmatch(quantity.replace("Ki", "ki"))
    if match is None:
        raise ValueError(f"{quantity!r} is not a Kubernetes quantity")
    number, suffix, binary = match.groups()
    if suffix == "m":
        return Decimal(number) / 1000
    return Decimal(number) * Decimal(1024 if binary else 1000) ** _DECIMAL[suffix]
