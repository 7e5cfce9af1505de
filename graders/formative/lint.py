"""Lint of formative cells: what nbgrader needs of them, and what a lab needs besides."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graders.formative.cells import (
    SCHEMA_VERSION,
    CellKind,
    FormativeCell,
    formative_cells,
    nbgrader_metadata,
)

CELL_ID = r"[A-Za-z0-9][-_A-Za-z0-9]{0,63}"
"""What a `grade_id` may be here: it names a cell in requests and tables."""
POINTS_LIMIT = 100
CELL_LIMIT = 100
"""Formative cells of one lab."""
_REGIONS = ("SOLUTION", "HIDDEN TESTS")


def formative_problems(path: Path, notebook: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the formative cells of a notebook that is not filled in yet."""
    cells = list(formative_cells(notebook))
    if len(cells) > CELL_LIMIT:
        yield f"{path}: has {len(cells)} formative cells; {CELL_LIMIT} are the most"
    for cell in cells:
        about = nbgrader_metadata(notebook["cells"][cell.index]) or {}
        for problem in [*_metadata_problems(cell, about), *_source_problems(cell)]:
            yield f"{path}: cell {cell.index + 1}: {problem}"
    for id, times in Counter(cell.id for cell in cells).items():
        if times > 1:
            yield f"{path}: the grade_id {id!r} is used {times} times"
    yield from (f"{path}: {problem}" for problem in _order_problems(cells))


def _metadata_problems(cell: FormativeCell, about: Mapping[str, Any]) -> Iterator[str]:
    if about.get("schema_version") != SCHEMA_VERSION:
        yield (
            f"nbgrader's schema_version must be {SCHEMA_VERSION}; `nbgrader update` brings a "
            "notebook up to date"
        )
    if not re.fullmatch(CELL_ID, cell.id):
        yield f"the grade_id {cell.id!r} must be 1 to 64 letters, digits, '-' and '_'"
    if cell.kind is CellKind.OTHER:
        yield (
            "would have to be graded by a person; a lab has autograded answers, autograder "
            "tests and read-only cells"
        )
    elif cell.kind is CellKind.TESTS and not 0 < cell.points <= POINTS_LIMIT:
        yield f"autograder tests need points above 0, {POINTS_LIMIT} at most"


def _source_problems(cell: FormativeCell) -> Iterator[str]:
    for region in _REGIONS:
        begins, ends = (cell.source.count(f"### {edge} {region}") for edge in ("BEGIN", "END"))
        if begins != ends:
            yield f"has {begins} ### BEGIN {region} and {ends} ### END {region}"
    if "### AUTOTEST" in cell.source or "### HASHED AUTOTEST" in cell.source:
        yield "has AUTOTEST lines; write the tests out"
    runs = cell.kind not in (CellKind.TEXT, CellKind.OTHER)
    if runs and (magic := _magic(cell.source)):
        yield f"{magic!r} is no Python; formative cells are graded without IPython"


def _magic(source: str) -> str:
    """Return the first line that only IPython understands; empty without one."""
    return next((line for line in source.splitlines() if re.match(r"\s*[%!]", line)), "")


def _order_problems(cells: list[FormativeCell]) -> Iterator[str]:
    kinds = [cell.kind for cell in cells]
    if CellKind.SOLUTION in kinds and CellKind.TESTS not in kinds:
        yield "has autograded answers but no autograder tests"
    if CellKind.TESTS in kinds and CellKind.SOLUTION not in kinds[: kinds.index(CellKind.TESTS)]:
        yield "has autograder tests before the first autograded answer"
