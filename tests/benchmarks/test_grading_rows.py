"""The rows of the grading benchmark: medians, percentiles, targets."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from benchmarks.grading_rows import (
    Bound,
    Judged,
    Row,
    Target,
    exit_code,
    percentile,
    row_of,
    to_table,
)


@pytest.mark.parametrize(
    ("share", "expected"), [(0.01, 1.0), (0.5, 10.0), (0.95, 19.0), (0.951, 20.0), (1.0, 20.0)]
)
def test_a_percentile_is_a_sample_that_the_share_does_not_exceed(
    share: float, expected: float
) -> None:
    samples = [float(n) for n in range(20, 0, -1)]

    assert percentile(samples, share) == expected


def test_a_row_of_samples_holds_their_median_and_95th_percentile() -> None:
    row = row_of("one", "a check", "ms", [3.0, 1.0, 2.0, 100.0])

    assert (row.value, row.p95, row.samples) == (2.5, 100.0, 4)


def test_nothing_measured_is_no_row() -> None:
    with pytest.raises(ValueError, match="nothing was measured"):
        row_of("one", "a check", "ms", [])


@pytest.mark.parametrize(
    ("target", "met"),
    [
        (Target(10.0), True),
        (Target(9.9), False),
        (Target(19.0, judged=Judged.P95), False),
        (Target(20.0, judged=Judged.P95), True),
        (Target(10.0, Bound.AT_LEAST), True),
        (Target(10.1, Bound.AT_LEAST), False),
    ],
)
def test_the_target_is_about_one_of_the_two_numbers(target: Target, met: bool) -> None:
    row = Row("one", "a check", "ms", value=10.0, p95=20.0, target=target)

    assert row.met is met
    assert exit_code([Row("one", "a peer", "ms", 999.0), row]) == (0 if met else 1)


@pytest.mark.parametrize("judged", Judged)
def test_a_figure_that_is_missing_misses_its_target(judged: Judged) -> None:
    row = Row("one", "a check", "ms", math.nan, None, target=Target(1.0, judged=judged))

    assert not row.met


def test_the_table_names_each_section_once_and_says_what_was_missed() -> None:
    rows = [
        Row("first", "fast", "ms", 5.0, 9.0, 10, Target(100.0, judged=Judged.P95)),
        Row("first", "slow", "s", 2.0, target=Target(1.0), note="on a busy host"),
        Row("second", "peer", "s", 3.5),
    ]
    console = Console(width=120, record=True, file=io.StringIO())

    console.print(to_table(rows))

    text = console.export_text()
    assert text.count("first") == 1
    assert "p95 at most 100 ms" in text
    assert text.count("missed") == 1
    assert "on a busy host" in text
