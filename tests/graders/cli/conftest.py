"""The commands of graders, run as a person would, in an installation of their own."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from clusters.cli.main import main
from graders.authoring import new_lab


class Done(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Assay(Protocol):
    """Runs `assay` with arguments."""

    def __call__(self, *arguments: str, env: Mapping[str, str] | None = None) -> Done: ...


@pytest.fixture(scope="module")
def labs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("labs")
    new_lab("small-lab", "A small lab", folder)
    return folder


@pytest.fixture(scope="module")
def assay(labs: Path, assay_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Assay:
    """Run commands in this process, which spares each a second of imports."""
    database = tmp_path_factory.mktemp("database") / "assay.db"
    settings = {"ASSAY_LABS": str(labs), "ASSAY_DATABASE_URL": f"sqlite:///{database}"}

    def run(*arguments: str, env: Mapping[str, str] | None = None) -> Done:
        out, err = io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
            for name, value in {**settings, **(env or {})}.items():
                patch.setenv(name, value)
            patch.setattr(sys, "argv", ["assay", *arguments])
            with pytest.raises(SystemExit) as end:
                main()
        return Done(int(end.value.code or 0), out.getvalue(), err.getvalue())

    return run
