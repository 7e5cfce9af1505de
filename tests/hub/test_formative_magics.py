"""`%validate` and `%autograde` in a real IPython shell, over a notebook on disk."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell

from graders.formative.cell_run import CellRun, Failure
from graders.formative.cells import formative_cells
from graders.formative.validation import Validation
from hub import formative_magics
from hub.formative_magics import FormativeMagics, NotebookFile
from hub.formative_tables import points_table, validation_table
from hub.task_table import Mark

TESTS = {"schema_version": 3, "grade": True, "points": 2, "grade_id": "t", "locked": True}
ANSWER = {"schema_version": 3, "solution": True, "grade_id": "a"}


def notebook(answer: str, tests: str = "assert double(2) == 4") -> dict[str, Any]:
    def cell(id: str, source: str, about: dict[str, Any]) -> dict[str, Any]:
        code: dict[str, Any] = {"cell_type": "code", "outputs": [], "execution_count": None}
        return {"id": id, **code, "metadata": {"nbgrader": about}, "source": source}

    cells = [cell("one", answer, ANSWER), cell("two", tests, TESTS)]
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    return tmp_path


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was displayed, as text, the newest last."""
    texts: list[str] = []

    def display(thing: Any, display_id: bool = False) -> SimpleNamespace:
        texts.append(thing._repr_mimebundle_()["text/plain"])
        return SimpleNamespace(update=lambda newer: display(newer))

    monkeypatch.setattr(formative_magics, "display", display)
    return texts


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    shell = InteractiveShell()
    shell.register_magics(FormativeMagics)
    yield shell
    shell.history_manager.end_session() if shell.history_manager else None
    InteractiveShell.clear_instance()


def test_validate_runs_the_tests_of_the_notebook(
    folder: Path, shell: InteractiveShell, shown: list[str]
) -> None:
    wrong = "def double(x):\n    return x"
    (folder / "notebook.ipynb").write_text(json.dumps(notebook(wrong)))

    shell.run_line_magic("validate", "")

    assert shown[-1].splitlines() == [
        "✗ t: assert double(2) == 4 (not yet)",
        "    AssertionError",
        "    found: line 1: assert double(2) == 4",
        "0 of 1 cells of tests pass. %autograde has the platform run every test.",
    ]


def test_a_notebook_without_such_cells_says_so(
    folder: Path, shell: InteractiveShell, shown: list[str]
) -> None:
    (folder / "notebook.ipynb").write_text(json.dumps({"cells": []}))

    shell.run_line_magic("validate", "")
    shell.run_line_magic("autograde", "")

    assert shown[1] == shown[3]
    assert shown[1].startswith("! this notebook has no cells for practice")


def test_autograde_needs_a_lab(
    folder: Path, shell: InteractiveShell, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ASSAY_PROCTOR_URL", raising=False)
    (folder / "notebook.ipynb").write_text(json.dumps(notebook("double = int")))

    shell.run_line_magic("autograde", "")

    assert shown[-1].startswith("! this works in a lab's notebook")


def test_a_cell_counts_as_it_was_run_when_that_is_newer_than_the_file(folder: Path) -> None:
    path = folder / "notebook.ipynb"
    path.write_text(json.dumps(notebook("saved")))
    os.utime(path, (time.time() - 60, time.time() - 60))
    file = NotebookFile()

    file.note_run(SimpleNamespace(cell_id="one", raw_cell="run since"))
    run_later = [cell["source"] for cell in file.read()["cells"]]
    os.utime(path, (time.time() + 60, time.time() + 60))
    saved_later = [cell["source"] for cell in file.read()["cells"]]

    assert run_later == ["run since", "assert double(2) == 4"]
    assert saved_later == ["saved", "assert double(2) == 4"]


def test_the_notebook_is_the_one_that_jupyter_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "notebook.ipynb").write_text(json.dumps(notebook("of the lab")))
    (folder / "mine.ipynb").write_text(json.dumps(notebook("renamed")))
    monkeypatch.setenv("JPY_SESSION_NAME", str(folder / "mine.ipynb"))

    assert NotebookFile().read()["cells"][0]["source"] == "renamed"


def test_changed_tests_and_broken_answers_are_told() -> None:
    cells = list(formative_cells(notebook("x = y", "assert x")))
    broken = CellRun("", "", None, Failure("NameError", "name 'y' is not defined", 1))
    found = Validation("t", 2.0, 2.0, CellRun("", "", None, None), changed=True)

    answer, tests = validation_table(cells, [found], {"a": broken}).rows

    assert answer.mark is Mark.NOT_YET
    assert "does not run: NameError" in answer.message
    assert answer.details == (("found", "line 1: x = y"),)
    assert tests.details == (("hint", "these tests were changed; %autograde uses the original"),)


def test_points_are_shown_as_practice() -> None:
    cells = list(formative_cells(notebook("x = 1")))
    result = {"cell": "t", "outcome": "failed", "points": 1.5, "max_points": 2, "message": "some"}
    report = {"results": [result], "points": 1.5, "max_points": 2.0}

    table = points_table(cells, report)

    assert (table.rows[0].mark, table.rows[0].points) == (Mark.NOT_YET, 2)
    assert table.footer == "1.5 of 2 points for practice; no task depends on them."
