"""Each test breaks formative cells in one way and finds exactly that."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from graders.formative.lint import formative_problems

if TYPE_CHECKING:
    from tests.graders.formative.conftest import Cell, Cells

NOTEBOOK = Path("notebook.ipynb")


def problems(notebook: dict[str, Any]) -> list[str]:
    return [
        problem.removeprefix("notebook.ipynb: ")
        for problem in formative_problems(NOTEBOOK, notebook)
    ]


def test_good_cells_have_no_problems(cells: Cells) -> None:
    assert problems(cells.small()) == []


def test_a_notebook_without_formative_cells_has_none(cells: Cells) -> None:
    assert problems(cells.notebook(cells.text("# Hello"))) == []


def test_two_cells_of_one_id_are_found(cells: Cells) -> None:
    notebook = cells.notebook(cells.solution("a"), cells.tests("b"), cells.tests("b"))

    assert problems(notebook) == ["the grade_id 'b' is used 2 times"]


@pytest.mark.parametrize("points", [0, -1, 101])
def test_points_must_be_worth_something_and_bounded(cells: Cells, points: float) -> None:
    notebook = cells.notebook(cells.solution("a"), cells.tests("b", points=points))

    assert problems(notebook) == ["cell 2: autograder tests need points above 0, 100 at most"]


def test_cells_that_a_person_would_grade_are_refused(cells: Cells) -> None:
    by_hand = "would have to be graded by a person; a lab has autograded answers, autograder tests "
    by_hand += "and read-only cells"
    essay = cells.text("Explain.", grade=True, solution=True, points=3, grade_id="essay")
    both = cells.code("x = 1", grade=True, solution=True, points=3, grade_id="both")

    notebook = cells.notebook(*cells.small()["cells"], essay, both)

    assert problems(notebook) == [f"cell 4: {by_hand}", f"cell 5: {by_hand}"]


def test_a_region_that_does_not_end_is_found(cells: Cells) -> None:
    notebook = cells.notebook(cells.solution("a", "### BEGIN SOLUTION\nx = 1"), cells.tests("b"))

    assert problems(notebook) == ["cell 1: has 1 ### BEGIN SOLUTION and 0 ### END SOLUTION"]


@pytest.mark.parametrize("line", ["%matplotlib inline", "!ls", "  %%bash"])
def test_lines_that_only_ipython_understands_are_found(cells: Cells, line: str) -> None:
    notebook = cells.notebook(cells.given("g", line), *cells.small()["cells"])

    assert problems(notebook) == [
        f"cell 1: {line!r} is no Python; formative cells are graded without IPython"
    ]


def test_tests_come_after_what_they_test(cells: Cells) -> None:
    answer, tests = cells.solution("a"), cells.tests("b")

    assert problems(cells.notebook(tests, answer)) == [
        "has autograder tests before the first autograded answer"
    ]
    assert problems(cells.notebook(answer)) == ["has autograded answers but no autograder tests"]


def test_an_older_format_of_nbgrader_is_found(cells: Cells) -> None:
    def older(cell: Cell) -> Cell:
        metadata = {"nbgrader": {**cell["metadata"]["nbgrader"], "schema_version": 1}}
        return {**cell, "metadata": metadata}

    notebook = cells.notebook(older(cells.solution("a")), cells.tests("b"))

    (problem,) = problems(notebook)
    assert problem.startswith("cell 1: nbgrader's schema_version must be 3; `nbgrader update`")
