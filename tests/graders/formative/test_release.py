"""What leaves the author, and what must not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from clusters.errors import InputInvalid
from graders.authoring import new_lab
from graders.formative import key_copy, learner_copy
from graders.lab import load_lab
from graders.rendering import render_notebook, render_notebook_source
from graders.variant import draw_variant

if TYPE_CHECKING:
    from tests.graders.formative.conftest import Cells


def test_the_learner_gets_neither_solutions_nor_hidden_tests(cells: Cells) -> None:
    released = learner_copy(cells.small(), "notebook.ipynb")

    text, answer, tests = (cell["source"] for cell in released["cells"])
    assert text == "# Doubling"
    assert "return 2 * x" not in answer
    assert "raise NotImplementedError()" in answer
    assert tests == "assert double(2) == 4"


def test_the_tests_are_locked_and_carry_their_checksum(cells: Cells) -> None:
    _, answer, tests = learner_copy(cells.small(), "notebook.ipynb")["cells"]

    assert tests["metadata"]["editable"] is False
    assert tests["metadata"]["nbgrader"]["checksum"]
    assert "raises-exception" in tests["metadata"]["tags"]  # "Run All" goes on after it
    assert answer["metadata"]["deletable"] is False
    assert "editable" not in answer["metadata"]


def test_the_grader_gets_every_test_no_solution_and_nothing_else(cells: Cells) -> None:
    key = key_copy(cells.small(), "notebook.ipynb")

    answer, tests = (cell["source"] for cell in key["cells"])
    assert "return 2 * x" not in answer
    assert "assert double(-21) == -42" in tests


def test_the_source_stays_as_it_is(cells: Cells) -> None:
    source = cells.small()

    learner_copy(source, "notebook.ipynb")
    key_copy(source, "notebook.ipynb")

    assert source == cells.small()


def test_a_notebook_without_formative_cells_is_given_out_unchanged(cells: Cells) -> None:
    notebook = cells.notebook(cells.text("# Hello"), cells.code("1 + 1"))

    assert learner_copy(notebook, "notebook.ipynb") is notebook


def test_a_solution_in_a_cell_that_nbgrader_does_not_know_is_never_given_out(
    cells: Cells,
) -> None:
    notebook = cells.notebook(cells.code(UNKNOWN_TO_NBGRADER))

    with pytest.raises(InputInvalid, match=r"nbgrader cannot release it: Solution"):
        learner_copy(notebook, "notebook.ipynb")


def test_a_lab_fills_in_its_parameters_before_the_release(tmp_path: Path, cells: Cells) -> None:
    lab_folder = new_lab("ape", "Ape", tmp_path)
    document = yaml.safe_load((lab_folder / "lab.yaml").read_text())
    name = next(iter(document["parameters"]))
    path = lab_folder / "notebook.ipynb"
    notebook = json.loads(path.read_text())
    source = (
        f"def space():\n    ### BEGIN SOLUTION\n    return '{{{{ {name} }}}}'\n    ### END SOLUTION"
    )
    tests = cells.tests("space-tests", f"assert space() == '{{{{ {name} }}}}'")
    more = cells.notebook(cells.solution("space", source), tests)["cells"]
    path.write_text(json.dumps({**notebook, "cells": [*notebook["cells"], *more]}))
    lab = load_lab(lab_folder)
    variant = draw_variant(lab.document.parameters, 7)

    answer, tests = render_notebook(lab, variant)["cells"][-2:]
    written = render_notebook_source(lab, variant)["cells"][-2]

    value = str(variant.values[name])
    assert value in tests["source"]
    assert value not in answer["source"]
    assert value in written["source"]


UNKNOWN_TO_NBGRADER = "x = 1\n### BEGIN SOLUTION\nx = 2\n### END SOLUTION"
