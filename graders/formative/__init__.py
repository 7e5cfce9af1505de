"""Formative cells: Python exercises in a lab's notebook, in nbgrader's format.

They are for practice. Their points are kept apart from the tasks of a lab: no verdict, no progress
and no credential comes from them, because a test of Python code says less than a cluster does.
docs/nbgrader.md explains how they are written, and how they are graded without trusting them.
"""

from graders.formative.cells import CellKind, FormativeCell, formative_cells, has_formative_cells
from graders.formative.release import key_copy, learner_copy

__all__ = [
    "CellKind",
    "FormativeCell",
    "formative_cells",
    "has_formative_cells",
    "key_copy",
    "learner_copy",
]
