"""Validation: the tests that a learner can see, run beside their notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graders.formative.cell_run import CellRun
from graders.formative.cells import CellKind, formative_cells
from graders.formative.disposable import have_done
from graders.formative.release import only_formative


@dataclass(frozen=True)
class Validation:
    """What the tests that a learner can see found in their notebook."""

    cell: str
    points: float
    max_points: float
    run: CellRun
    changed: bool
    """Whether the learner changed the tests; autograding uses the author's."""

    @property
    def passed(self) -> bool:
        """Whether every test of it passes."""
        return self.points >= self.max_points


def validate(notebook: dict[str, Any]) -> tuple[list[Validation], dict[str, CellRun]]:
    """Run the tests that are in a learner's notebook, in the same rooms as autograding does.

    Returns:
        What each cell of tests found, and how cells of the learner's own ended that raised
        something, by their ids.

    Raises:
        GradingError: the tests could not be run.
    """
    done = have_done({"do": "validate", "notebook": _without_copies(only_formative(notebook))})
    found = [
        Validation(
            cell=entry["cell"],
            points=entry["points"],
            max_points=entry["max_points"],
            run=CellRun.from_json(entry["run"]),
            changed=entry["changed"],
        )
        for entry in done["cells"]
    ]
    return found, {id: CellRun.from_json(run) for id, run in done["answers"].items()}


def answers_of(notebook: Mapping[str, Any]) -> dict[str, str]:
    """Return what a learner wrote, by the id of the cell; of copies of a cell the first."""
    answers: dict[str, str] = {}
    for cell in formative_cells(notebook):
        if cell.kind is CellKind.SOLUTION:
            answers.setdefault(cell.id, cell.source)
    return answers


def _without_copies(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return a notebook with the first of the cells that have one id: learners copy cells."""
    first: dict[str, int] = {}
    for cell in formative_cells(notebook):
        first.setdefault(cell.id, cell.index)
    return {**notebook, "cells": [notebook["cells"][index] for index in sorted(first.values())]}
