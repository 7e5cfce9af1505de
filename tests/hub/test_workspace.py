"""A learner's folder: prepared for every attempt, and the learner's own."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from hub.workspace import prepare_workspace

NOTEBOOK = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
OTHER = {**NOTEBOOK, "metadata": {"attempt": 2}}


def prepare(folder: Path, attempt: str = "aaaa1111", notebook: object = None) -> None:
    prepare_workspace(folder, attempt, notebook or NOTEBOOK, "kubeconfig")  # type: ignore[arg-type]


def test_everything_a_lab_needs_is_there_and_private(tmp_path: Path) -> None:
    prepare(tmp_path)

    assert json.loads((tmp_path / "notebook.ipynb").read_text()) == NOTEBOOK
    assert (tmp_path / ".kube/config").read_text() == "kubeconfig"
    assert "hub.magics" in (tmp_path / ".ipython/profile_default/ipython_config.py").read_text()
    open_files = [
        path
        for path in tmp_path.rglob("*")
        if path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077
    ]
    assert open_files == []


def test_an_edited_notebook_survives_a_restart(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "notebook.ipynb").write_text("edited")
    prepare(tmp_path)

    assert (tmp_path / "notebook.ipynb").read_text() == "edited"


def test_a_deleted_notebook_comes_back(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "notebook.ipynb").unlink()
    prepare(tmp_path)

    assert json.loads((tmp_path / "notebook.ipynb").read_text()) == NOTEBOOK


def test_a_new_attempt_puts_the_old_notebook_aside(tmp_path: Path) -> None:
    prepare(tmp_path)
    (tmp_path / "notebook.ipynb").write_text("edited")
    prepare(tmp_path, "bbbb2222", OTHER)

    assert (tmp_path / "notebook-aaaa1111.ipynb").read_text() == "edited"
    assert json.loads((tmp_path / "notebook.ipynb").read_text()) == OTHER


def test_a_planted_link_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "somebody-elses-file"
    target.write_text("precious")
    folder = tmp_path / "folder"
    (folder / ".kube").mkdir(parents=True)
    (folder / ".kube/config").symlink_to(target)
    (folder / "notebook.ipynb").symlink_to(target)
    prepare(folder)

    assert target.read_text() == "precious"
    assert (folder / ".kube/config").read_text() == "kubeconfig"


@pytest.mark.parametrize("written", [False, True], ids=["before", "after"])
def test_a_start_killed_around_the_new_notebook_loses_nothing(
    tmp_path: Path, written: bool
) -> None:
    prepare(tmp_path)
    (tmp_path / "notebook.ipynb").write_text("edited")
    (tmp_path / "notebook.ipynb").rename(tmp_path / "notebook-aaaa1111.ipynb")
    if written:
        (tmp_path / "notebook.ipynb").write_text(json.dumps(OTHER))
    prepare(tmp_path, "bbbb2222", OTHER)  # the start after the killed one

    assert (tmp_path / "notebook-aaaa1111.ipynb").read_text() == "edited"
    assert json.loads((tmp_path / "notebook.ipynb").read_text()) == OTHER
