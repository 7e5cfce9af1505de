"""A notebook, run from its first cell to its last by a real kernel, with the solution in it."""

from __future__ import annotations

import copy
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbclient import NotebookClient

from graders.rendering import render_notebook
from graders.solutions import solutions_of, step_task

if TYPE_CHECKING:
    from tests.labs.conftest import Desk

KERNEL = {name: os.environ[name] for name in ("PYTHONPATH", "VIRTUAL_ENV") if name in os.environ}


def run_notebook(desk: Desk) -> dict[str, Any]:
    """Fill the reference solution into the cells for the learner's work and run all cells."""
    notebook = copy.deepcopy(render_notebook(desk.lab, desk.variant))
    steps = {step_task(step): step for step in solutions_of(desk.lab)[0].steps}
    for cell in notebook["cells"]:
        if task := cell["metadata"].get("assay", {}).get("work"):
            cell["source"] = f"%%bash\n{steps[task].read_text(encoding='utf-8')}"
    home = Path(desk.environment["HOME"])
    profile = home / "ipython" / "profile_default"
    profile.mkdir(parents=True)
    extension = 'c.InteractiveShellApp.extensions = ["hub.magics"]\n'
    (profile / "ipython_config.py").write_text(f"c = get_config()\n{extension}", encoding="utf-8")
    client = NotebookClient(nbformat.from_dict(notebook), timeout=300, kernel_name="python3")
    environment = {**desk.environment, "IPYTHONDIR": str(home / "ipython"), **KERNEL}
    executed: dict[str, Any] = client.execute(env=environment)
    return executed


def text_of(cell: dict[str, Any]) -> str:
    """Return what a cell printed."""
    return "".join(output.get("text", "") for output in cell.get("outputs", ()))
