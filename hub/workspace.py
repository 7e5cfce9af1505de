"""Workspace: the home folder of one learner at one lab.

    notebook.ipynb                 the learner's; never overwritten while the attempt goes on
    notebook-<attempt>.ipynb       what was there when a new attempt began
    .kube/config                   the learner's credential (0600)
    .ipython, .jupyter             what makes %check work in every kernel

`python -m hub.workspace` prepares it from a document on standard input. It runs under the learner's
own account: in a folder that the learner owns, a link could lead root anywhere.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Mapping
from itertools import chain, count
from pathlib import Path
from typing import Any

NOTEBOOK = "notebook.ipynb"
_ATTEMPT = Path(".assay/attempt")
_IPYTHON = Path(".ipython/profile_default/ipython_config.py")
_NEWS = Path(".jupyter/lab/user-settings/@jupyterlab/apputils-extension")
_EXTENSION = """\
c = get_config()  # noqa: F821
c.InteractiveShellApp.extensions = ["hub.magics"]
"""


def prepare_workspace(
    folder: Path, attempt: str, notebook: Mapping[str, Any], kubeconfig: str
) -> None:
    """Make or bring up to date the workspace of an attempt.

    Args:
        folder: an existing folder that belongs to the learner's account.
        attempt: id of the attempt.
        notebook: what the lab gives out, with the parameters of the attempt.
        kubeconfig: the learner's credential.
    """
    _write(folder / ".kube/config", kubeconfig)
    _write(folder / _IPYTHON, _EXTENSION)
    _write(
        folder / _NEWS / "notification.jupyterlab-settings",
        json.dumps({"fetchNews": "false", "checkForUpdates": False}),
    )
    path = folder / NOTEBOOK
    if (before := _attempt_of(folder)) != attempt:
        if path.exists():
            path.rename(_free_name(folder, f"notebook-{before[:8] or 'before'}"))
        _write(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
        _write(folder / _ATTEMPT, attempt)
    elif not path.exists():
        _write(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")


def _free_name(folder: Path, stem: str) -> Path:
    """Return a name that is not taken: a start that was killed may have put one aside already."""
    names = chain([stem], (f"{stem}-{number}" for number in count(2)))
    paths = (folder / f"{name}.ipynb" for name in names)
    return next(path for path in paths if not os.path.lexists(path))


def _attempt_of(folder: Path) -> str:
    try:
        return (folder / _ATTEMPT).read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _write(path: Path, content: str) -> None:
    """Put a whole private file in place."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(draft, path)


def main() -> None:
    """Prepare the workspace in the current folder."""
    order = json.load(sys.stdin)
    prepare_workspace(Path.cwd(), order["attempt"], order["notebook"], order["kubeconfig"])


if __name__ == "__main__":
    main()
