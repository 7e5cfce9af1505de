"""Cells of an nbgrader assignment as cells of a lab's notebook."""

from __future__ import annotations

import ast
import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from graders.formative.cells import SCHEMA_VERSION, CellKind, formative_cells

Cell = dict[str, Any]
Note = Callable[[str], None]

TO_ANSWER = "*Your answer.*"
"""Takes the place of what an author wrote as an answer that a person would grade."""
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")
_IMAGE = re.compile(r"(!\[[^\]]*\]\()([^)\s]+)(\))")
_MAGIC = re.compile(r"^(\s*)([%!].*)$", re.MULTILINE)
_REGION = re.compile(
    r"^.*### BEGIN (MARK SCHEME|SOLUTION)[^\n]*\n.*?^.*### END \1[^\n]*\n?", re.M | re.S
)


def lab_cells(cells: Iterable[Cell], files: Mapping[str, bytes], note: Note) -> Iterator[Cell]:
    """Yield the cells of one notebook as a lab has them.

    Args:
        cells: of the source version, with metadata of nbgrader's current schema.
        files: what lies beside the notebook, by name; images are taken into the text.
        note: told what becomes different, a sentence each.
    """
    written: set[str] = set()
    for cell in cells:
        kind = next((found.kind for found in formative_cells({"cells": [cell]})), None)
        match kind:
            case CellKind.OTHER:
                yield _ungraded(cell, files, note)
            case None if cell["cell_type"] == "code":
                yield _plain_code(cell, written)
            case None | CellKind.TEXT:
                yield _text(cell["source"], files)
            case _:
                if kind is CellKind.SOLUTION:
                    written |= _names_bound(cell["source"])
                yield _formative(cell, note)


def code_cell(source: str, **about: Any) -> Cell:
    """Return a code cell; with arguments nbgrader knows it by them."""
    flags = {"grade": False, "solution": False, "locked": False, "task": False}
    nbgrader = {**flags, "schema_version": SCHEMA_VERSION, "cell_type": "code", **about}
    return {
        "cell_type": "code",
        "metadata": {"nbgrader": nbgrader} if about else {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }


def text_cell(source: str) -> Cell:
    """Return a Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source}


def literal(source: str) -> str:
    """Return a text that a lab's templates leave as it is."""
    return _TEMPLATE.sub(lambda mark: "{{ '" + mark[0] + "' }}", source)


def _formative(cell: Cell, note: Note) -> Cell:
    about = {k: v for k, v in cell["metadata"]["nbgrader"].items() if k != "checksum"}
    if about["grade"] and not about["points"]:
        note(f"{about['grade_id']}: was worth no points, is worth 1")
        about["points"] = 1
    source = _MAGIC.sub(r"\1# \2", cell["source"])
    if source != cell["source"]:
        note(
            f"{about['grade_id']}: lines for IPython are comments now; these cells are plain Python"
        )
    if about["grade"]:
        about["locked"] = True
    else:
        about.pop("points", None)
    return code_cell(literal(source), **about)


def _ungraded(cell: Cell, files: Mapping[str, bytes], note: Note) -> Cell:
    """Return a cell that a person would grade as one that nobody does."""
    about = cell["metadata"]["nbgrader"]
    id = about.get("grade_id", "a cell")
    if cell["cell_type"] == "code":
        note(f"{id}: was graded by a person; now it is written by the learner and has no points")
        return _formative({**cell, "metadata": {"nbgrader": {**about, "grade": False}}}, note)
    note(f"{id}: was graded by a person; now it is text without points")
    if about.get("solution"):
        return text_cell(TO_ANSWER)
    return _text(_REGION.sub("", cell["source"]), files)


def _plain_code(cell: Cell, written: set[str]) -> Cell:
    """Return a cell that nbgrader does not know: given to the tests where it prepares for them."""
    source = cell["source"]
    if not prepares(source, written):
        return code_cell(literal(source))
    return code_cell(literal(source), locked=True, grade_id="")  # numbered later


def prepares(source: str, written: set[str]) -> bool:
    """Whether a cell only imports, defines and assigns, and uses nothing that the learner writes.

    nbgrader runs every cell before the tests; here only cells that it knows run.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    wanted = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    only = all(isinstance(statement, wanted) for statement in tree.body)
    return bool(tree.body) and only and not used & written


def _text(source: str, files: Mapping[str, bytes]) -> Cell:
    """Return a Markdown cell with the images that it shows."""
    images: dict[str, dict[str, str]] = {}

    def attached(image: re.Match[str]) -> str:
        content = files.get(image[2])
        kind = _image_type(image[2])
        if content is None or not kind:
            return image[0]
        images[image[2]] = {kind: base64.b64encode(content).decode()}
        return f"{image[1]}attachment:{image[2]}{image[3]}"

    cell = text_cell(literal(_IMAGE.sub(attached, source)))
    return {**cell, "attachments": images} if images else cell


def _image_type(name: str) -> str:
    ending = name.rpartition(".")[2].lower()
    known = {"png": "png", "jpg": "jpeg", "jpeg": "jpeg", "gif": "gif", "svg": "svg+xml"}
    return f"image/{known[ending]}" if ending in known else ""


def _names_bound(source: str) -> set[str]:
    """Return the names that a cell defines."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return set()
    stored = {
        node.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
    defined = {s.name for s in tree.body if isinstance(s, ast.FunctionDef | ast.ClassDef)}
    return stored | defined
