"""The OCI wrapper as a program, before a runc that only notes what it was asked."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusters.doctor.docker import oci_runtime

PROCESS = {
    "oomScoreAdj": -500,
    "capabilities": {
        "bounding": ["CAP_SYS_ADMIN", "CAP_SYS_RESOURCE"],
        "ambient": ["CAP_SYS_RESOURCE"],
        "inheritable": None,
    },
}
LESSENED = {
    "oomScoreAdj": 0,
    "capabilities": {"bounding": ["CAP_SYS_ADMIN"], "ambient": [], "inheritable": None},
}
Run = Callable[..., list[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run the wrapper; return the arguments that runc was given."""
    runc = tmp_path / "fake-runc"
    runc.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/asked\n')
    runc.chmod(0o755)

    def call(*arguments: str) -> list[str]:
        command = [sys.executable, "-I", oci_runtime.__file__, *arguments]
        subprocess.run(command, check=True, cwd=tmp_path, env={"ASSAY_RUNC": str(runc)})
        return (tmp_path / "asked").read_text().splitlines()

    return call


def written(path: Path, document: Any) -> Path:
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("form", [("--bundle", "{}"), ("-b", "{}"), ("--bundle={}",)])
def test_a_container_is_asked_for_without_what_the_host_withholds(
    run: Run, tmp_path: Path, form: tuple[str, ...]
) -> None:
    (tmp_path / "bundle").mkdir()
    config = written(tmp_path / "bundle/config.json", {"root": {"path": "/"}, "process": PROCESS})
    option = [word.format(tmp_path / "bundle") for word in form]

    asked = run("--root", "/run/x", "create", *option, "name")

    assert asked == ["--root", "/run/x", "create", *option, "name"]
    assert json.loads(config.read_text()) == {"root": {"path": "/"}, "process": LESSENED}


def test_a_bundle_is_the_working_folder_where_none_is_named(run: Run, tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", {"process": PROCESS})

    run("run", "name")

    assert json.loads(config.read_text())["process"] == LESSENED


def test_a_process_put_into_a_container_is_lessened_too(run: Run, tmp_path: Path) -> None:
    process = written(tmp_path / "process.json", PROCESS)

    run("exec", "--process", str(process), "name")

    assert json.loads(process.read_text()) == LESSENED


def test_other_commands_pass_unread(run: Run, tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", {"process": PROCESS})

    assert run("delete", "--force", "name") == ["delete", "--force", "name"]
    assert json.loads(config.read_text())["process"] == PROCESS


def test_a_document_that_is_none_is_left_to_runc(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("not json")

    assert run("create", "name") == ["create", "name"]
    assert (tmp_path / "config.json").read_text() == "not json"


def test_positive_scores_and_missing_parts_stay(run: Run, tmp_path: Path) -> None:
    config = written(tmp_path / "config.json", {"process": {"oomScoreAdj": 200}})

    run("create", "name")

    assert json.loads(config.read_text()) == {"process": {"oomScoreAdj": 200}}
