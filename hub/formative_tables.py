"""The tables that `%validate` and `%autograde` show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graders.formative.cell_run import CellRun
from graders.formative.cells import FormativeCell
from graders.formative.validation import Validation
from hub.task_table import Mark, Row, TaskTable


def validation_table(
    cells: Sequence[FormativeCell],
    found: Sequence[Validation],
    broken: Mapping[str, CellRun],
) -> TaskTable:
    """Return what the tests that are in the notebook said.

    Args:
        cells: of the notebook.
        found: for each cell of tests.
        broken: the other cells that raised something themselves.
    """
    by_id = {cell.id: cell for cell in cells}
    rows = [_broken_row(by_id[id], run) for id, run in broken.items()]
    rows += [_validation_row(by_id[each.cell], each) for each in found]
    passed = sum(each.passed for each in found)
    footer = f"{passed} of {len(found)} cells of tests pass."
    return TaskTable(tuple(rows), f"{footer} %autograde has the platform run every test.")


def points_table(cells: Sequence[FormativeCell], report: Mapping[str, Any]) -> TaskTable:
    """Return the points of a FormativeReport."""
    titles = {cell.id: _title(cell) for cell in cells}
    rows = tuple(
        Row(
            id=result["cell"],
            title=titles.get(result["cell"], result["cell"]),
            points=_points(result["max_points"]),
            mark=Mark.DONE if result["outcome"] == "passed" else Mark.NOT_YET,
            message=result["message"],
        )
        for result in report["results"]
    )
    reached, whole = _points(report["points"]), _points(report["max_points"])
    return TaskTable(rows, f"{reached} of {whole} points for practice; no task depends on them.")


def _validation_row(cell: FormativeCell, found: Validation) -> Row:
    details = [("hint", "these tests were changed; %autograde uses the original")]
    if (failure := found.run.failure) is None:
        message = "every test that you can see passes"
        if not found.passed:
            message = f"{_points(found.points)} of {_points(found.max_points)} points"
        failed: list[tuple[str, str]] = []
    else:
        message = f"{failure.name}: {failure.text}" if failure.text else failure.name
        failed = [("found", f"line {failure.line}: {_line(cell, failure.line)}")]
    return Row(
        id=cell.id,
        title=_title(cell),
        points=_points(found.max_points),
        mark=Mark.DONE if found.passed else Mark.NOT_YET,
        message=message,
        details=tuple(failed + (details if found.changed else [])),
    )


def _broken_row(cell: FormativeCell, run: CellRun) -> Row:
    assert run.failure is not None
    message = f"this cell itself does not run: {run.failure.name}: {run.failure.text}"
    found = f"line {run.failure.line}: {_line(cell, run.failure.line)}"
    return Row(cell.id, _title(cell), 0, Mark.NOT_YET, message, (("found", found),))


def _title(cell: FormativeCell) -> str:
    """Return the first line of a cell: Jupyter does not show its id."""
    lines = [line.strip() for line in cell.source.splitlines() if line.strip()]
    return lines[0][:80] if lines else cell.id


def _line(cell: FormativeCell, number: int) -> str:
    lines = cell.source.splitlines()
    return lines[number - 1].strip() if 0 < number <= len(lines) else ""


def _points(points: float) -> int | float:
    return int(points) if float(points).is_integer() else round(points, 2)
