"""Formative cells of a notebook, told apart by nbgrader's metadata (schema version 3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

SCHEMA_VERSION = 3
"""Of nbgrader's cell metadata; `assay lab import nbgrader` brings older ones up to date."""


class CellKind(StrEnum):
    """What a formative cell is for."""

    GIVEN = "given"
    """The author's code that runs first: imports and data. nbgrader says read-only."""
    SOLUTION = "solution"
    """What the learner writes. nbgrader says autograded answer."""
    TESTS = "tests"
    """The author's tests of it, worth points. nbgrader says autograder tests."""
    TEXT = "text"
    """The author's text that nbgrader keeps from being changed."""
    OTHER = "other"
    """Anything that a person would have to grade; labs have no such cells."""


@dataclass(frozen=True)
class FormativeCell:
    """One cell that nbgrader knows."""

    id: str
    """Its `grade_id`; unique in a notebook."""
    kind: CellKind
    source: str
    points: float = 0.0
    """Of tests; 0 of other cells."""
    index: int = 0
    """Its place in the notebook, from 0."""


def formative_cells(notebook: Mapping[str, Any]) -> Iterator[FormativeCell]:
    """Yield the formative cells of a notebook (nbformat 4) in their order."""
    for index, cell in enumerate(notebook["cells"]):
        about = nbgrader_metadata(cell)
        if about is None:
            continue
        source = cell["source"]
        yield FormativeCell(
            id=str(about.get("grade_id", "")),
            kind=_kind(cell, about),
            source=source if isinstance(source, str) else "".join(source),
            points=_number(about.get("points")) if about.get("grade") else 0.0,
            index=index,
        )


def has_formative_cells(notebook: Mapping[str, Any]) -> bool:
    """Whether nbgrader knows any cell of a notebook."""
    return any(nbgrader_metadata(cell) is not None for cell in notebook["cells"])


def nbgrader_metadata(cell: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what nbgrader noted on a cell; None where it noted nothing that matters."""
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, Mapping) else None
    if not isinstance(about, Mapping):
        return None
    return about if any(about.get(k) for k in ("grade", "solution", "locked", "task")) else None


def _kind(cell: Mapping[str, Any], about: Mapping[str, Any]) -> CellKind:
    if cell.get("cell_type") != "code":
        answered = any(about.get(key) for key in ("grade", "solution", "task"))
        return CellKind.OTHER if answered else CellKind.TEXT
    match bool(about.get("grade")), bool(about.get("solution")):
        case True, True:
            return CellKind.OTHER
        case True, False:
            return CellKind.TESTS
        case False, True:
            return CellKind.SOLUTION
        case _:
            return CellKind.GIVEN


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
