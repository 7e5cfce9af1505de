"""Import of an nbgrader assignment: its source notebooks, with solutions, as a lab."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from clusters.errors import InputInvalid
from graders.authoring import new_lab
from graders.formative.cells import nbgrader_metadata
from graders.formative.lint import CELL_ID
from graders.importing.cells import Cell, code_cell, lab_cells, literal, text_cell

FILES_LIMIT = 256 << 10
"""Bytes of all the files beside the notebooks."""
_SKIPPED = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}


@dataclass(frozen=True)
class ImportedLab:
    """A lab that was made of an assignment."""

    folder: Path
    notes: tuple[str, ...]
    """What is different from before, a sentence each."""


def import_assignment(
    assignment: Path, parent: Path, slug: str = "", title: str = ""
) -> ImportedLab:
    """Make a lab of an assignment; all of it or nothing.

    Args:
        assignment: a folder of `source/` in an nbgrader course.
        parent: where the lab's folder is made.
        slug: the lab's name; by default made of the folder's.
        title: what people call it; by default the first heading of the notebooks.

    Raises:
        InputInvalid: with everything that keeps the assignment from being a lab.
    """
    notes: list[str] = []
    name = slug or slug_of(assignment.name)
    notebooks, files = _read(assignment)
    cells = list(_joined(notebooks, files, notes))
    if not any(nbgrader_metadata(cell) for cell in cells):
        notes.append("no cell is graded by tests; the notebook is text only")
    heading = _heading(cells) if len(notebooks) == 1 else ""
    title = title or heading or name.replace("-", " ").capitalize()

    def complete(folder: Path) -> None:
        path = folder / "notebook.ipynb"
        document = json.loads(path.read_text(encoding="utf-8"))
        document["cells"] = [*_numbered([*cells, *_closing(folder, cells)])]
        text = json.dumps(document, indent=1, ensure_ascii=False)
        path.write_text(text + "\n", encoding="utf-8")

    folder = new_lab(name, title[:80], parent, template="imported", complete=complete)
    return ImportedLab(folder, tuple(notes))


def slug_of(name: str) -> str:
    """Return a slug like a name."""
    words = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    return (words if words[:1].isalpha() else f"lab-{words}")[:30].strip("-")


def _read(assignment: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Return the notebooks of an assignment and the other files, by their names."""
    if not assignment.is_dir():
        raise InputInvalid([f"{assignment}: is no folder; give one of source/ in your course"])
    notebooks: dict[str, Any] = {}
    files: dict[str, bytes] = {}
    problems: list[str] = []
    for path in _files(assignment):
        if path.suffix != ".ipynb":
            files[path.relative_to(assignment).as_posix()] = path.read_bytes()
            continue
        try:
            notebooks[path.stem] = _notebook(path)
        except InputInvalid as error:
            problems += error.problems
    if not notebooks and not problems:
        problems.append(f"{assignment}: holds no notebook")
    if (size := sum(map(len, files.values()))) > FILES_LIMIT:
        problems.append(
            f"{assignment}: the files beside the notebooks have {size >> 10} KiB; a lab carries "
            f"{FILES_LIMIT >> 10} KiB at most, in a cell of its notebook"
        )
    if problems:
        raise InputInvalid(problems)
    return notebooks, files


def _files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and not path.is_symlink() and not hidden and not _SKIPPED & {*path.parts}:
            yield path


def _notebook(path: Path) -> Any:
    """Read a notebook, bring it and nbgrader's metadata up to date.

    Raises:
        InputInvalid: it cannot be read, or has what a lab cannot.
    """
    import nbformat  # seconds, as nbgrader below
    from nbgrader.nbgraderformat import MetadataValidator

    try:
        notebook = nbformat.from_dict(nbformat.read(path, as_version=4))
        cells = [MetadataValidator().upgrade_cell_metadata(cell) for cell in notebook.cells]
    except Exception as error:  # nbformat raises whatever the JSON in the file makes it stumble on
        reason = " ".join(str(error).split())[:200]
        raise InputInvalid(
            [f"{path}: is not a notebook that nbgrader can read: {reason}"]
        ) from error
    problems = []
    if (language := _language(notebook)) not in ("python", "python3", "ipython"):
        problems.append(f"{path}: is written in {language}; formative cells are Python")
    if any("### AUTOTEST" in c.source or "### HASHED AUTOTEST" in c.source for c in cells):
        problems.append(
            f"{path}: has AUTOTEST lines; `nbgrader generate_source_with_tests` writes them out, "
            "then import its source_with_tests/"
        )
    if problems:
        raise InputInvalid(problems)
    return cells


def _language(notebook: Any) -> str:
    metadata = notebook.metadata
    kernel, language = metadata.get("kernelspec", {}), metadata.get("language_info", {})
    named = kernel.get("language") or language.get("name") or kernel.get("name") or "python"
    return str(named).lower()


def _joined(
    notebooks: Mapping[str, Any], files: Mapping[str, bytes], notes: list[str]
) -> Iterator[Cell]:
    """Yield the cells of all notebooks, with ids that are unique among them."""
    shown: set[str] = set()
    taken: set[str] = set()
    cells: list[Cell] = []
    for stem, source in notebooks.items():
        if len(notebooks) > 1:
            cells.append(text_cell(f"# {literal(stem)}"))
        for cell in lab_cells(source, files, notes.append):
            shown |= set(cell.get("attachments", ()))
            _name(cell, stem, taken, notes)
            cells.append(cell)
    needed = {name: content for name, content in files.items() if name not in shown}
    if needed:
        yield _carrier(needed)
    yield from cells


def _name(cell: Cell, stem: str, taken: set[str], notes: list[str]) -> None:
    """Give a cell that nbgrader knows an id that is free."""
    if (about := cell["metadata"].get("nbgrader")) is None:
        return
    wanted = str(about["grade_id"])
    id = re.sub(r"[^-_A-Za-z0-9]+", "-", wanted).strip("-") or f"given-{len(taken) + 1}"
    if id in taken:
        id = f"{slug_of(stem)}-{id}"
    while id in taken or not re.fullmatch(CELL_ID, id):
        id = f"cell-{len(taken) + 1}" if id not in taken else f"{id[:60]}-2"
    if wanted and id != wanted:
        notes.append(f"{wanted}: is called {id} now")
    taken.add(id)
    about["grade_id"] = id


def _carrier(files: Mapping[str, bytes]) -> Cell:
    """Return a given cell that writes files: a lab has no others for the learner."""
    lines = ["import base64", "import pathlib", ""]
    for name, content in files.items():
        path = f"pathlib.Path({name!r})"
        if "/" in name:
            lines.append(f"{path}.parent.mkdir(parents=True, exist_ok=True)")
        try:
            lines.append(f"{path}.write_text({content.decode()!r}, encoding='utf-8')")
        except UnicodeDecodeError:
            encoded = base64.b64encode(content).decode()
            lines.append(f"{path}.write_bytes(base64.b64decode({encoded!r}))")
    return code_cell(literal("\n".join([*lines, "None"])), locked=True, grade_id="files")


def _closing(folder: Path, cells: list[Cell]) -> Iterator[Cell]:
    """Yield the cells that a lab has besides: tests at once, points, and its task."""
    if any(nbgrader_metadata(cell) for cell in cells):
        yield text_cell(
            "## Practice\n\n`%validate` runs the tests that you can see, `%autograde` has the "
            "platform run every test. The points are for you; no task depends on them."
        )
        yield code_cell("%validate")
        yield code_cell("%autograde")
    for task in yaml.safe_load((folder / "lab.yaml").read_text(encoding="utf-8"))["tasks"]:
        yield text_cell(
            f"### Task: {task['title']}\n\nCreate a ConfigMap `{{{{ greeting }}}}` with a note in "
            "namespace `{{ space }}` of your cluster.\n\n<details><summary>Hint: how</summary>\n\n"
            "`kubectl create configmap --help` shows `--from-literal`.\n</details>"
        )
        yield code_cell("%%bash\n# Your work")
        yield code_cell(f"%check {task['id']}")


def _numbered(cells: list[Cell]) -> Iterator[Cell]:
    for number, cell in enumerate(cells, 1):
        yield {"id": f"cell-{number}", **cell, "source": cell["source"].splitlines(keepends=True)}


def _heading(cells: list[Cell]) -> str:
    """Return the first heading that can be a title."""
    for cell in cells:
        if cell["cell_type"] == "markdown":
            for line in cell["source"].splitlines():
                words = line.lstrip("# ").strip()
                if line.startswith("# ") and words and words.isprintable() and "{" not in words:
                    return str(words)
    return ""
