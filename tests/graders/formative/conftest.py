"""Notebooks with formative cells, small enough to see at a glance."""

from __future__ import annotations

import copy
from typing import Any

import pytest

Cell = dict[str, Any]
_FLAGS = {"schema_version": 3, "grade": False, "solution": False, "locked": False, "task": False}
_KERNEL = {"name": "python3", "display_name": "Python 3", "language": "python"}


class Cells:
    """Writes cells as nbgrader's tools do."""

    SOLUTION = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    TESTS = (
        "assert double(2) == 4\n"
        "### BEGIN HIDDEN TESTS\nassert double(-21) == -42\n### END HIDDEN TESTS"
    )

    def given(self, id: str, source: str) -> Cell:
        return self.code(source, grade_id=id, locked=True)

    def solution(self, id: str, source: str = SOLUTION) -> Cell:
        return self.code(source, grade_id=id, solution=True)

    def tests(self, id: str, source: str = TESTS, points: float = 2) -> Cell:
        return self.code(source, grade_id=id, grade=True, locked=True, points=points)

    def code(self, source: str, **about: Any) -> Cell:
        metadata = {"nbgrader": {**_FLAGS, **about}} if about else {}
        code: Cell = {"cell_type": "code", "outputs": [], "execution_count": None}
        return {**code, "metadata": metadata, "source": source}

    def text(self, source: str, **about: Any) -> Cell:
        metadata = {"nbgrader": {**_FLAGS, **about}} if about else {}
        return {"cell_type": "markdown", "metadata": metadata, "source": source}

    def notebook(self, *cells: Cell) -> dict[str, Any]:
        numbered = [{"id": f"cell-{n}", **copy.deepcopy(cell)} for n, cell in enumerate(cells)]
        metadata = {"kernelspec": dict(_KERNEL)}
        return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": numbered}

    def small(self) -> dict[str, Any]:
        return self.notebook(
            self.text("# Doubling"), self.solution("double"), self.tests("double-tests")
        )


@pytest.fixture(scope="session")
def cells() -> Cells:
    return Cells()
