"""Proof of formative cells: the author's solution earns every point, and no solution none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from graders.errors import GradingError
from graders.formative.cell_run import CellRun
from graders.formative.cells import has_formative_cells
from graders.formative.confinement import ConfinementMissing, require_confinement
from graders.formative.disposable import have_done
from graders.formative.release import key_copy
from graders.formative.validation import answers_of
from graders.lab import Lab
from graders.rendering import render_notebook_source
from graders.variant import draw_variant


def try_solutions(lab: Lab, seed: int) -> tuple[list[str], list[str]]:
    """Do what `formative_surprises` does; a host that cannot do it is no problem of the lab.

    Returns:
        The surprises, and why nothing was tried.

    Raises:
        InputInvalid: the notebook has problems.
    """
    try:
        return formative_surprises(lab, seed), []
    except ConfinementMissing as error:
        return [], [f"the solutions of formative cells were not tried: {error}"]
    except GradingError as error:
        return [f"{lab.folder / 'notebook.ipynb'}: its cells could not be graded: {error}"], []


def formative_surprises(lab: Lab, seed: int) -> list[str]:
    """Grade the formative cells of a lab with and without its solutions.

    Returns:
        What is not as it should be, a sentence for each cell; [] where all is, or where the lab
        has no formative cells.

    Raises:
        InputInvalid: the notebook has problems.
        ConfinementMissing: this host cannot grade such cells.
        GradingError: nbgrader broke off.
    """
    source = render_notebook_source(lab, draw_variant(lab.document.parameters, seed))
    if not has_formative_cells(source):
        return []
    require_confinement()
    path = lab.folder / "notebook.ipynb"
    key, solutions = key_copy(source, str(path)), answers_of(source)
    return [
        *(f"{path}: {problem}" for problem in _not_earned(_graded(key, solutions))),
        *(f"{path}: {problem}" for problem in _given_away(_graded(key, {}))),
    ]


def _graded(key: dict[str, Any], answers: Mapping[str, str]) -> list[dict[str, Any]]:
    order = {"do": "autograde", "key": key, "answers": dict(answers)}
    cells: list[dict[str, Any]] = have_done(order)["cells"]
    return cells


def _not_earned(cells: list[dict[str, Any]]) -> Iterator[str]:
    for cell in cells:
        if cell["points"] < cell["max_points"]:
            failure = CellRun.from_json(cell["run"]).failure
            why = f": line {failure.line}: {failure.name}: {failure.text}" if failure else ""
            yield (
                f"{cell['cell']}: the solution earns {cell['points']:g} of "
                f"{cell['max_points']:g} points{why}"
            )


def _given_away(cells: list[dict[str, Any]]) -> Iterator[str]:
    for cell in cells:
        if cell["points"]:
            yield f"{cell['cell']}: earns {cell['points']:g} points without a solution"
