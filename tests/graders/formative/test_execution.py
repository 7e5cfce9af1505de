"""What a cell's outputs are worth, by nbgrader's own rule."""

from __future__ import annotations

import logging
from typing import Any

import nbformat
import pytest
from nbgrader import utils

from graders.formative.cell_run import CellRun, Failure, run_cell
from graders.formative.execution import outputs_of

WORTH = 4.0


def worth(run: CellRun) -> Any:
    """Return the points that nbgrader gives for a run of tests."""
    about = {"grade": True, "solution": False, "points": WORTH, "grade_id": "t"}
    cell = nbformat.v4.new_code_cell("", metadata={"nbgrader": about})
    cell.outputs = outputs_of(run, WORTH)
    points, _ = utils.determine_grade(cell, logging.getLogger("test"))
    return points


def ran(source: str) -> CellRun:
    return run_cell(source, "tests", {}, seconds=10)


@pytest.mark.parametrize(
    ("source", "points"),
    [
        ("assert True", 4),
        ("assert False", 0),
        ("1.5", 1.5),
        ("99", 4),
        ("-1", 0),
        ("float('nan')", 0),
        ("float('inf')", 4),
        ("'1'", 4),
        ("None", 4),
        ("print('hello')", 4),
        ("import sys; print('hello', file=sys.stderr)", 0),
        ("raise SystemExit", 0),
        ("syntax error", 0),
    ],
)
def test_points_are_those_of_nbgrader_within_their_range(source: str, points: float) -> None:
    assert worth(ran(source)) == points


def test_a_failure_names_the_line_of_the_cell() -> None:
    source = "def fail():\n    raise KeyError('x')\n\nfail()"

    assert ran(source).failure == Failure("KeyError", "'x'", 2)
    assert ran("x = 1\nx y").failure == Failure(
        "SyntaxError", "invalid syntax (<tests>, line 2)", 2
    )


def test_an_exception_that_cannot_say_what_it_is_breaks_nothing() -> None:
    odd = "class Odd(Exception):\n    def __str__(self): raise ValueError\nraise Odd"

    assert ran(odd).failure == Failure("Odd", "", 3)


def test_only_the_beginning_of_an_endless_output_is_kept() -> None:
    run = ran("for n in range(100_000): print('x' * 100)")

    assert len(run.printed) == 64 << 10
