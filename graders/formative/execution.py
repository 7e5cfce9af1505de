"""Execution: the step of nbgrader that runs the cells, in two rooms instead of one kernel."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from nbformat.v4 import new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from graders.formative.cell_run import CellRun
from graders.formative.cells import CellKind, FormativeCell, formative_cells
from graders.formative.rooms import Rooms


class ExecuteInRooms(NbGraderPreprocessor):
    """Takes the place of nbgrader's `Execute`: same cells, same outputs, other processes.

    nbgrader makes its steps itself, so what a grading needs is kept with the class; a worker
    grades once.
    """

    rooms: ClassVar[Rooms]
    runs: ClassVar[dict[str, CellRun]] = {}
    """How each cell went, by its id."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """Run every formative cell of a notebook and write down its outputs."""
        for found in formative_cells(nb):
            if found.kind is CellKind.TEXT:
                continue
            run = self.runs[found.id] = self._run(found)
            nb.cells[found.index].outputs = outputs_of(run, found.points)
        return nb, resources

    def _run(self, cell: FormativeCell) -> CellRun:
        match cell.kind:
            case CellKind.TESTS:
                return self.rooms.run_tests(cell.id, cell.source)
            case CellKind.SOLUTION:
                return self.rooms.run_answer(cell.id, cell.source)
            case _:
                return self.rooms.run_given(cell.id, cell.source)


def outputs_of(run: CellRun, points: float) -> list[Any]:
    """Return what a notebook would show below a cell.

    nbgrader derives the points from it: an error or anything on standard error gives none, a
    number as the value of the last line that many, anything else all. Numbers are brought into
    their range here: for nbgrader a negative one, or one that is none, would be full marks.
    """
    outputs = []
    if run.printed:
        outputs.append(new_output("stream", name="stdout", text=run.printed))
    if run.complained:
        outputs.append(new_output("stream", name="stderr", text=run.complained))
    if run.failure is not None:
        name, text = run.failure.name, run.failure.text
        line = f"line {run.failure.line}: {name}: {text}"
        outputs.append(new_output("error", ename=name, evalue=text, traceback=[line]))
    elif run.result is not None:
        text = _in_range(run.result, points)
        outputs.append(new_output("execute_result", data={"text/plain": text}))
    return outputs


def _in_range(result: str, points: float) -> str:
    try:
        value = float(result)
    except ValueError:
        return result
    return repr(0.0 if math.isnan(value) else min(max(value, 0.0), points))
