"""What else could check the work of a learner: nbgrader, and a script that calls kubectl."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import nbformat

from benchmarks.grading_platform import LABS
from clusters.binaries import ensure_binaries

_SECONDS = 300
_SOLUTION = {"grade": False, "solution": True, "locked": False, "task": False}
_TEST = {"grade": True, "solution": False, "locked": True, "task": False, "points": 1}


class VerifyScript:
    """`verify.sh` of the lab with one check, run with a kubeconfig."""

    def __init__(self, kubeconfig: str, folder: Path) -> None:
        """Use the text of a kubeconfig, kept in a folder."""
        path = folder / "verify.kubeconfig"
        path.write_text(kubeconfig, encoding="utf-8")
        kubectl = ensure_binaries(["kubectl"])["kubectl"]
        self._environment = {
            "KUBECONFIG": str(path),
            "HOME": str(folder),
            "PATH": f"{kubectl.parent}:/usr/bin:/bin",
        }

    def run(self) -> None:
        """Run it.

        Raises:
            subprocess.CalledProcessError: it says no.
        """
        subprocess.run(
            ["/bin/sh", str(LABS / "bench-simple" / "verify.sh")],
            env=self._environment,
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )


class NbgraderPeer:
    """A course with one notebook of five cells, and one learner's copy of it."""

    def __enter__(self) -> NbgraderPeer:
        self._folder = Path(tempfile.mkdtemp(prefix="bench-nbgrader-"))
        (self._folder / "nbgrader_config.py").write_text(
            "c = get_config()\nc.CourseDirectory.course_id = 'bench'\n", encoding="utf-8"
        )
        source = self._folder / "source" / "squares"
        source.mkdir(parents=True)
        nbformat.write(_notebook(), source / "squares.ipynb")
        self._nbgrader("generate_assignment", "squares")
        handed_in = self._folder / "submitted" / "ada" / "squares"
        handed_in.mkdir(parents=True)
        shutil.copy(source / "squares.ipynb", handed_in)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def autograde(self) -> None:
        """Run `nbgrader autograde` as an instructor types it."""
        self._nbgrader("autograde", "squares", "--force")

    def _nbgrader(self, *arguments: str) -> None:
        subprocess.run(
            [str(Path(sys.executable).with_name("nbgrader")), *arguments],
            cwd=self._folder,
            env={**os.environ, "HOME": str(self._folder)},
            check=True,
            capture_output=True,
            timeout=_SECONDS,
        )


def _notebook() -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_markdown_cell("Squares and cubes")]
    for name, power in (("square", 2), ("cube", 3)):
        answer = f"### BEGIN SOLUTION\n    return x ** {power}\n    ### END SOLUTION"
        cells.append(_cell(name, f"def {name}(x):\n    {answer}", _SOLUTION))
        cells.append(_cell(f"test-{name}", f"assert {name}(2) == {2**power}", _TEST))
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def _cell(id: str, source: str, kind: Mapping[str, object]) -> nbformat.NotebookNode:
    cell = nbformat.v4.new_code_cell(source)
    cell.metadata["nbgrader"] = {"schema_version": 3, "grade_id": id, **kind}
    return cell
