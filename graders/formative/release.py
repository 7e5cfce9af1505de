"""Release: the copies of a notebook that leave its author, made by nbgrader's own preprocessors.

source   what the author writes: solutions, tests, hidden tests
key      what the grader works with: no solutions, all tests, formative cells only
learner  what the learner opens: no solutions, no hidden tests; tests and given cells are locked

The parameters of the attempt are filled in before.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clusters.errors import InputInvalid
from graders.formative.cells import (
    CellKind,
    formative_cells,
    has_formative_cells,
    nbgrader_metadata,
)

MARKS = ("### BEGIN SOLUTION", "### BEGIN HIDDEN TESTS", "### BEGIN MARK SCHEME")
"""What must never reach a learner, even where the author forgot nbgrader's metadata."""
_MAY_FAIL = "raises-exception"
"""The tag by which Jupyter knows a cell that may fail."""
_QUIET = logging.getLogger("graders.formative.nbgrader")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


def learner_copy(notebook: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return a notebook as the learner opens it; one without formative cells as it is.

    Args:
        notebook: the source, filled in (nbformat 4).
        origin: file, for the sentences.

    Raises:
        InputInvalid: nbgrader cannot work with its cells.
    """
    if not has_formative_cells(notebook) and not _is_marked(notebook):
        return notebook
    return _released(notebook, origin, hide_tests=True)


def key_copy(notebook: dict[str, Any], origin: str) -> dict[str, Any]:
    """Return the formative cells of a notebook with every test and without a solution.

    Args:
        notebook: the source, filled in (nbformat 4).
        origin: file, for the sentences.

    Raises:
        InputInvalid: nbgrader cannot work with its cells.
    """
    return _released(only_formative(notebook), origin, hide_tests=False)


def only_formative(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return a notebook with nothing but its formative cells."""
    cells = [cell for cell in notebook["cells"] if nbgrader_metadata(cell) is not None]
    return {**notebook, "cells": cells}


def _released(notebook: dict[str, Any], origin: str, *, hide_tests: bool) -> dict[str, Any]:
    import nbformat

    node = nbformat.from_dict(notebook)  # a copy
    for cell in node.cells:
        if not isinstance(cell.source, str):
            cell.source = "".join(cell.source)
    try:
        for step in _steps(hide_tests):
            node, _ = step(node, {})
    except (RuntimeError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())
        raise InputInvalid([f"{origin}: nbgrader cannot release it: {reason}"]) from error
    for cell in formative_cells(node):
        if cell.kind is CellKind.TESTS:
            _let_run_go_on(node.cells[cell.index])
    released: dict[str, Any] = node
    return released


def _let_run_go_on(cell: Any) -> None:
    """Let "Run All" go on after tests that do not pass yet."""
    tags = cell.metadata.get("tags", [])
    cell.metadata["tags"] = [*tags, *({_MAY_FAIL} - set(tags))]


def _is_marked(notebook: Mapping[str, Any]) -> bool:
    texts = ("".join(cell["source"]) for cell in notebook["cells"])
    return any(mark in text for text in texts for mark in MARKS)


def _steps(hide_tests: bool) -> Sequence[Callable[[Any, dict[str, Any]], Any]]:
    from nbgrader import preprocessors as nbgrader  # 1.5 s and a thousand modules

    own = [
        nbgrader.LockCells,
        nbgrader.ClearSolutions,
        nbgrader.ClearOutput,
        nbgrader.CheckCellMetadata,
        nbgrader.ComputeChecksums,
    ]
    hiding = [nbgrader.ClearHiddenTests, nbgrader.ClearMarkScheme, nbgrader.ComputeChecksums]
    return [step(log=_QUIET).preprocess for step in [*own, *(hiding if hide_tests else [])]]
