"""Rendering: a lab's inventory, manifests and notebook with the parameters of one variant.

Each function reports every problem of its input at once, with file and line or key.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from clusters.errors import InputInvalid
from clusters.inventory import Inventory, default_inventory, parse_inventory
from graders.formative.release import learner_copy
from graders.lab import Lab
from graders.safeguards.safeguard import Safeguard, fill_in_safeguards
from graders.templating import fill_in
from graders.variant import Variant

_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def render_inventory(lab: Lab, variant: Variant) -> Inventory:
    """Return the nodes and accelerators of the lab's cluster; the default ones without a file.

    Raises:
        InputInvalid: with every problem of `inventory.yaml`.
    """
    path = lab.folder / "inventory.yaml"
    if not path.exists():
        return default_inventory()
    documents = _documents(path, variant)
    if len(documents) != 1:
        raise InputInvalid([f"{path}: must hold one document, not {len(documents)}"])
    return parse_inventory(documents[0], str(path))


def render_manifests(lab: Lab, variant: Variant) -> list[dict[str, Any]]:
    """Return the objects of the lab's starting state in the order they are applied.

    Raises:
        InputInvalid: with every problem of every file in `manifests/`.
    """
    objects: list[dict[str, Any]] = []
    problems: list[str] = []
    for path in sorted((lab.folder / "manifests").glob("*.yaml")):
        try:
            documents = _documents(path, variant)
        except InputInvalid as error:
            problems += error.problems
            continue
        for number, document in enumerate(documents, 1):
            problems += _manifest_problems(document, f"{path}: document {number}")
        objects += documents
    if problems:
        raise InputInvalid(problems)
    return objects


def render_safeguards(lab: Lab, variant: Variant) -> tuple[Safeguard, ...]:
    """Return the lab's safeguards with their objects as this variant calls them.

    Raises:
        InputInvalid: with every problem of `safeguards` in lab.yaml.
    """
    origin = str(lab.folder / "lab.yaml")
    return fill_in_safeguards(lab.document.safeguards, variant.values, origin)


def render_notebook(lab: Lab, variant: Variant) -> dict[str, Any]:
    """Return the notebook (nbformat 4) that the learner opens, as JSON values.

    Solutions and hidden tests of its formative cells are left out.

    Raises:
        InputInvalid: with every problem of `notebook.ipynb`.
    """
    return learner_copy(render_notebook_source(lab, variant), str(lab.folder / "notebook.ipynb"))


def render_notebook_source(lab: Lab, variant: Variant) -> dict[str, Any]:
    """Return the notebook as its author wrote it, filled in, with every solution and test.

    Raises:
        InputInvalid: with every problem of `notebook.ipynb`.
    """
    path = lab.folder / "notebook.ipynb"
    notebook = read_notebook(path)
    problems: list[str] = []
    for number, cell in enumerate(notebook["cells"], 1):
        origin = f"{path}: cell {number}"
        cell["source"], found = fill_in(cell_source(cell), variant.values, origin)
        problems += found
    if problems:
        raise InputInvalid(problems)
    return notebook


def read_notebook(path: Path) -> dict[str, Any]:
    """Return a notebook file as JSON values, not filled in.

    Raises:
        InputInvalid: it cannot be read, or it is no notebook of nbformat 4. Lint looks closer,
            with the schema, which takes seconds to load.
    """
    try:
        notebook = json.loads(_read(path))
    except json.JSONDecodeError as error:
        raise InputInvalid([f"{path}:{error.lineno}: is not JSON: {error.msg}"]) from error
    if problems := _notebook_problems(notebook):
        raise InputInvalid([f"{path}: {problem}" for problem in problems])
    return dict(notebook)


def cell_source(cell: dict[str, Any]) -> str:
    """Return the text of a cell, which a file may hold as lines."""
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)


def _documents(path: Path, variant: Variant) -> list[Any]:
    text, problems = fill_in(_read(path), variant.values, str(path))
    if problems:
        raise InputInvalid(problems)
    try:
        return [d for d in yaml.load_all(text, Loader=_YAML) if d is not None]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise InputInvalid([f"{path}:{line}: is not YAML: {error.problem}"]) from error
    except yaml.YAMLError as error:
        raise InputInvalid([f"{path}: is not YAML: {' '.join(str(error).split())}"]) from error


def _notebook_problems(notebook: Any) -> list[str]:
    if not isinstance(notebook, dict) or notebook.get("nbformat") != 4:
        return ["nbformat: must be 4; is this a notebook?"]
    cells = notebook.get("cells")
    if not isinstance(cells, list):
        return ["cells: must be a list"]
    return [f"cell {n}: is not a cell" for n, cell in enumerate(cells, 1) if not _is_cell(cell)]


def _is_cell(cell: Any) -> bool:
    if not isinstance(cell, dict) or cell.get("cell_type") not in ("code", "markdown", "raw"):
        return False
    source = cell.get("source")
    lines = source if isinstance(source, list) else [source]
    return all(isinstance(line, str) for line in lines)


def _manifest_problems(document: Any, origin: str) -> list[str]:
    if not isinstance(document, dict):
        return [f"{origin}: is not an object with apiVersion, kind and metadata"]
    metadata = document.get("metadata")
    values = {
        "apiVersion": document.get("apiVersion"),
        "kind": document.get("kind"),
        "metadata.name": metadata.get("name") if isinstance(metadata, dict) else None,
    }
    return [
        f"{origin}: {key}: {'is missing' if value is None else 'must be a text'}"
        for key, value in values.items()
        if not isinstance(value, str) or not value
    ]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise InputInvalid([f"{path}: is not UTF-8 text"]) from error
