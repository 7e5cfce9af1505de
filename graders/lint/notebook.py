"""Lint of the notebook: a notebook at all, about every task, and without answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clusters.errors import InputInvalid
from graders.formative.lint import formative_problems
from graders.lab import Lab
from graders.lint.filled_in import problems_for_seeds
from graders.rendering import cell_source, read_notebook, render_notebook
from graders.templating import names_used


def notebook_problems(lab: Lab) -> Iterator[str]:
    """Yield what is wrong with `notebook.ipynb`."""
    path = lab.folder / "notebook.ipynb"
    try:
        notebook = read_notebook(path)
    except InputInvalid as error:
        yield from error.problems
        return
    cells = [cell_source(cell) for cell in notebook["cells"]]
    yield from _schema_problems(path, notebook)
    yield from formative_problems(path, notebook)
    yield from problems_for_seeds(lab, render_notebook)
    answers = {name for name, spec in lab.document.parameters.items() if spec.answer}
    for number, cell in enumerate(cells, 1):
        for name in sorted(names_used(cell) & answers):
            yield f"{path}: cell {number}: shows {name!r}, which is an answer in lab.yaml"
    text = "\n".join(cells)
    for task in lab.tasks:
        if task.id not in text:
            yield f"{path}: does not mention the task {task.id!r}, for example as %check {task.id}"


def _schema_problems(path: Path, notebook: dict[str, Any]) -> Iterator[str]:
    from nbformat.validator import iter_validate  # 1.5 s, for the grammars of JSON Schema's formats

    for error in iter_validate(notebook):
        key = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in error.absolute_path)
        yield f"{path}: {key.lstrip('.') or 'top'}: {error.message.splitlines()[0]}"
