"""Course: one notebook as a whole nbgrader course, graded by nbgrader's in-process API."""

from __future__ import annotations

import copy
import json
import logging
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import nbformat
from nbgrader import preprocessors, utils
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from graders.errors import GradingError
from graders.formative.cell_run import CellRun
from graders.formative.cells import CellKind, formative_cells
from graders.formative.execution import ExecuteInRooms
from graders.formative.rooms import Rooms

_ASSIGNMENT, _NOTEBOOK, _STUDENT = "lab", "notebook", "learner"
_GRADEBOOK = "gradebook.db"
_log = logging.getLogger("graders.formative.nbgrader")


def autograde(
    rooms: Rooms, folder: Path, key: dict[str, Any], answers: Mapping[str, str]
) -> dict[str, Any]:
    """Grade the learner's answers and return the points of each cell of tests.

    Args:
        rooms: where the cells run.
        folder: empty; becomes the course.
        key: the notebook with every test and without solutions.
        answers: what the learner wrote, by the id of the cell; what is missing stays a stub.

    Raises:
        GradingError: nbgrader or the tests' room broke off.
    """
    ExecuteInRooms.rooms = rooms
    api = NbGraderAPI(config=_config(folder))
    _make_gradebook(folder)
    _write(folder / "source" / _ASSIGNMENT, key)
    _require(api.generate_assignment(_ASSIGNMENT))
    _write(folder / "submitted" / _STUDENT / _ASSIGNMENT, _handed_in(key, answers))
    _require(api.autograde(_ASSIGNMENT, _STUDENT))
    with Gradebook(api.coursedir.db_url, api.coursedir.course_id) as gradebook:
        notebook = gradebook.find_submission_notebook(_NOTEBOOK, _ASSIGNMENT, _STUDENT)
        points = {grade.name: grade.auto_score for grade in notebook.grades}
    return {"cells": [_result(cell.id, cell.points, points) for cell in _tests(key)]}


def validate(rooms: Rooms, notebook: dict[str, Any]) -> dict[str, Any]:
    """Run the tests that the learner has, as nbgrader's validator does.

    Args:
        rooms: where the cells run.
        notebook: the formative cells of the learner's notebook.

    Raises:
        GradingError: the tests' room broke off.
    """
    ExecuteInRooms.rooms = rooms
    node = nbformat.from_dict(notebook)
    changed = {
        cell.id
        for cell in formative_cells(node)
        if cell.kind is not CellKind.SOLUTION and _is_changed(node.cells[cell.index])
    }
    for step in (preprocessors.ClearOutput, ExecuteInRooms):
        node, _ = step(log=_log).preprocess(node, {})
    cells = []
    for cell in formative_cells(node):
        if cell.kind is CellKind.TESTS:
            score, _ = utils.determine_grade(node.cells[cell.index], _log)
            found = _result(cell.id, cell.points, {cell.id: score})
            cells.append({**found, "changed": cell.id in changed})
    return {"cells": cells, "answers": _broken_answers(node)}


def _config(folder: Path) -> Config:
    config = Config()
    config.CourseDirectory.root = str(folder)
    config.CourseDirectory.course_id = "assay"
    config.CourseDirectory.db_url = f"sqlite:///{folder / _GRADEBOOK}"
    config.Exchange.root = str(folder / "exchange")
    config.NbGraderAPI.log_level = logging.ERROR
    config.GenerateAssignment.preprocessors = [
        preprocessors.LockCells,
        preprocessors.CheckCellMetadata,
        preprocessors.ComputeChecksums,
        preprocessors.SaveCells,
        preprocessors.ClearHiddenTests,
        preprocessors.ComputeChecksums,
    ]
    config.Autograde.autograde_preprocessors = [ExecuteInRooms, preprocessors.SaveAutoGrades]
    return config


def _make_gradebook(folder: Path) -> None:
    """Begin a gradebook, so that nbgrader starts no process to ask for the version of a new one."""
    with closing(sqlite3.connect(folder / _GRADEBOOK)) as database:
        database.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")


def _handed_in(key: dict[str, Any], answers: Mapping[str, str]) -> dict[str, Any]:
    """Return the key with the learner's answers in it: nothing else of theirs is looked at."""
    notebook = copy.deepcopy(key)
    for cell in formative_cells(notebook):
        if cell.kind is CellKind.SOLUTION and cell.id in answers:
            notebook["cells"][cell.index]["source"] = answers[cell.id]
    return notebook


def _write(folder: Path, notebook: dict[str, Any]) -> None:
    folder.mkdir(parents=True)
    (folder / f"{_NOTEBOOK}.ipynb").write_text(json.dumps(notebook), encoding="utf-8")


def _require(done: Mapping[str, Any]) -> None:
    if not done["success"]:
        said = str(done.get("error") or done.get("log")).strip().splitlines()
        raise GradingError(f"nbgrader could not grade the notebook: {said[-1] if said else ''}")


def _tests(notebook: dict[str, Any]) -> list[Any]:
    return [cell for cell in formative_cells(notebook) if cell.kind is CellKind.TESTS]


def _result(id: str, worth: float, points: Mapping[str, float | None]) -> dict[str, Any]:
    run = ExecuteInRooms.runs[id].to_json()
    return {"cell": id, "points": points[id] or 0.0, "max_points": worth, "run": run}


def _broken_answers(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the cells of the learner's that raised something themselves."""
    runs: dict[str, CellRun] = ExecuteInRooms.runs
    return {
        cell.id: runs[cell.id].to_json()
        for cell in formative_cells(notebook)
        if cell.kind in (CellKind.SOLUTION, CellKind.GIVEN) and runs[cell.id].failure
    }


def _is_changed(cell: Any) -> bool:
    checksum = cell.metadata.nbgrader.get("checksum")
    return bool(checksum) and checksum != utils.compute_checksum(cell)
