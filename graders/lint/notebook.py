"""Lint of the notebook: a notebook at all, about every task, and without answers."""

from __future__ import annotations

from collections.abc import Iterator

from clusters.errors import InputInvalid
from graders.lab import Lab
from graders.lint.filled_in import problems_for_seeds
from graders.rendering import cell_source, read_notebook, render_notebook
from graders.templating import names_used


def notebook_problems(lab: Lab) -> Iterator[str]:
    """Yield what is wrong with `notebook.ipynb`."""
    path = lab.folder / "notebook.ipynb"
    try:
        cells = [cell_source(cell) for cell in read_notebook(path)["cells"]]
    except InputInvalid as error:
        yield from error.problems
        return
    yield from problems_for_seeds(lab, render_notebook)
    answers = {name for name, spec in lab.document.parameters.items() if spec.answer}
    for number, cell in enumerate(cells, 1):
        for name in sorted(names_used(cell) & answers):
            yield f"{path}: cell {number}: shows {name!r}, which is an answer in lab.yaml"
    text = "\n".join(cells)
    for task in lab.tasks:
        if task.id not in text:
            yield f"{path}: does not mention the task {task.id!r}, for example as %check {task.id}"
