from __future__ import annotations

from decimal import Decimal

import pytest

from graders.matching.quantities import parse_quantity, parse_version


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1", "1"),
        (2, "2"),
        (0.5, "0.5"),
        ("500m", "0.5"),
        ("1.5Gi", str(3 * 2**29)),
        ("64Gi", str(64 * 2**30)),
        ("1G", "1e9"),
        ("1e3", "1000"),
        ("1E", "1e18"),
        ("-2k", "-2000"),
        (".5", "0.5"),
        ("5.", "5"),
        ("100n", "1e-7"),
    ],
)
def test_a_quantity_is_an_exact_number(text: object, amount: str) -> None:
    assert parse_quantity(text) == Decimal(amount)


@pytest.mark.parametrize(
    "text",
    ["", "Gi", "1gi", "1 Gi", "1KB", "1Gi2", "one", "1.2.3", True, None, [], "1e", float("nan")],
)
def test_what_is_no_quantity_is_none(text: object) -> None:
    assert parse_quantity(text) is None


def test_quantities_of_any_length_are_cheap() -> None:
    assert parse_quantity("9" * 10_000) is None
    assert parse_quantity("1e999") is not None


def test_versions_are_ordered_as_semver_says() -> None:
    in_order = [
        "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
        "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.2.0", "1.10.0", "570.86.15",
    ]  # fmt: skip
    keys = [parse_version(text) for text in in_order]

    assert None not in keys
    assert keys == sorted(keys, key=lambda key: key or ())
    assert parse_version("1.0.0+build") == parse_version("1.0.0")


@pytest.mark.parametrize("text", ["1.0", "v1.0.0", "01.0.0", "1.0.0-", "", None, 1])
def test_what_is_no_version_is_none(text: object) -> None:
    assert parse_version(text) is None
