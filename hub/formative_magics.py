"""`%validate` and `%autograde`: practice in a lab's notebook, in cells that nbgrader knows.

`%validate` runs the tests that are in the notebook, here. `%autograde` sends the answers to the
proctor, which has every test. Neither does anything to the tasks of the lab.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from clusters.errors import AssayError
from hub.task_table import Notice, TaskTable

if TYPE_CHECKING:
    from graders.formative.cells import FormativeCell

_NOT_A_LAB = "this works in a lab's notebook: start the lab from its page, then open its notebook"
_NO_CELLS = "this notebook has no cells for practice; %check looks at the tasks of the lab"
_NO_FILE = "the notebook's file cannot be read; save the notebook, then try again"

Notebook = dict[str, Any]


@magics_class
class FormativeMagics(Magics):
    """The magics of formative cells."""

    def __init__(self, shell: Any) -> None:
        super().__init__(shell)
        self._file = NotebookFile()
        shell.events.register("pre_run_cell", self._file.note_run)

    @line_magic
    def validate(self, line: str) -> None:
        """Run the tests of this notebook's practice cells, each time from scratch.

        ✓ every test that you can see passes; ✗ one does not, with what it said. Nothing is sent
        anywhere and nothing is counted. `%autograde` uses more tests.
        """
        self._show(_validated)

    @line_magic
    def autograde(self, line: str) -> None:
        """Have the practice cells graded with every test, those that you cannot see included.

        The points are for practice: no task of the lab and no badge depends on them.
        """
        self._show(_autograded)

    def _show(self, act: Callable[[Notebook], TaskTable]) -> None:
        shown = display(Notice("running the tests ..."), display_id=True)
        try:
            shown.update(act(self._file.read()))
        except AssayError as error:
            shown.update(Notice(str(error)))


class NotebookFile:
    """The notebook of this kernel: as it was saved, with cells as they were run since."""

    def __init__(self) -> None:
        self._run: dict[str, tuple[float, str]] = {}

    def note_run(self, info: Any) -> None:
        """Remember the source of a cell that is about to run."""
        if id := getattr(info, "cell_id", None):
            self._run[str(id)] = (time.time(), str(info.raw_cell))

    def read(self) -> Notebook:
        """Return the notebook as the learner sees it, as far as it was saved or run.

        Raises:
            AssayError: the file cannot be read.
        """
        path = self._path()
        try:
            saved_at = path.stat().st_mtime
            notebook: Notebook = json.loads(path.read_text(encoding="utf-8"))
            cells: Sequence[Notebook] = notebook["cells"]
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise AssayError(_NO_FILE) from error
        for cell in cells:
            run_at, source = self._run.get(str(cell.get("id")), (0.0, ""))
            if run_at > saved_at:
                cell["source"] = source
        return notebook

    def _path(self) -> Path:
        """Return the file that Jupyter opened for this kernel, else the lab's own."""
        named = Path(os.environ.get("JPY_SESSION_NAME", ""))
        return named if named.suffix == ".ipynb" and named.is_file() else Path("notebook.ipynb")


def _validated(notebook: Notebook) -> TaskTable:
    from graders.formative.validation import validate  # not before a learner asks for it
    from hub.formative_tables import validation_table

    cells = _cells_of(notebook)
    found, broken = validate(notebook)
    return validation_table(cells, found, broken)


def _autograded(notebook: Notebook) -> TaskTable:
    from graders.formative.validation import answers_of
    from graders.remote import RemoteAttempt
    from hub.formative_tables import points_table

    cells = _cells_of(notebook)
    attempt = RemoteAttempt.of_environment(os.environ)
    if attempt is None:
        raise AssayError(_NOT_A_LAB)
    return points_table(cells, attempt.autograde(answers_of(notebook)))


def _cells_of(notebook: Notebook) -> list[FormativeCell]:
    from graders.formative.cells import CellKind, formative_cells

    cells = list(formative_cells(notebook))
    if not any(cell.kind is CellKind.TESTS for cell in cells):
        raise AssayError(_NO_CELLS)
    return cells
