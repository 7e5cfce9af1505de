"""docs/authoring.md, "Ten minutes", followed to the letter in an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from clusters.home import cache_path
from clusters.providers.embedded import EmbeddedProvider

PAGE = (Path(__file__).parents[2] / "docs" / "authoring.md").read_text(encoding="utf-8")
WALK = PAGE[PAGE.index("## Ten minutes") : PAGE.index("## Working at it")]
BLOCK = re.compile(
    r"(?P<before>[^\n]*(?:\n[^\n`]+)*)\n\n```(?P<kind>\w+)\n(?P<text>.*?)```", re.DOTALL
)
FILE = re.compile(r"Write `(?P<path>[^`]+)`")
BELOW = re.compile(r"In `(?P<path>[^`]+)`, below `(?P<line>[^`]+)`")
AT_THE_END = re.compile(r"At the end of `(?P<path>[^`]+)`")
MARKS = {"✗ ": 1, "✓ ": 0}
"""How a shown answer begins, and the exit code that comes with it."""


class Step(NamedTuple):
    """One fenced block and the sentence before it."""

    before: str
    kind: str
    text: str


STEPS = [Step(*found.group("before", "kind", "text")) for found in BLOCK.finditer(WALK)]


class Newcomer:
    """Does what a page says, in one folder and one shell."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = environment

    def follow(self, step: Step) -> None:
        if step.kind == "console":
            self._type(step.text)
        elif step.kind == "sh":
            self._run(step.text)
        else:
            self._write(step)

    def _type(self, text: str) -> None:
        for command, shown in commands(text):
            code = next((MARKS[line[:2]] for line in shown if line[:2] in MARKS), 0)
            printed = self._run(command, code)
            for line in shown:
                assert line in printed, f"`{command}` does not show {line!r} but:\n{printed}"

    def _run(self, script: str, code: int = 0) -> str:
        # What one command exports is there for the next, as at a terminal.
        keep = 'code=$?; echo "ASSAY_LABS=$ASSAY_LABS" > .shell; exit $code'
        done = subprocess.run(
            ["bash", "-c", f"{script}\n{keep}"],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=900,
        )
        shell = self.folder / ".shell"
        self.environment |= dict(line.split("=", 1) for line in shell.read_text().splitlines())
        shell.unlink()
        assert done.returncode == code, f"{script}\n{done.stdout}"
        return done.stdout

    def _write(self, step: Step) -> None:
        if found := FILE.search(step.before):
            path = self.folder / found["path"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step.text)
        elif found := BELOW.search(step.before):
            path, line = self.folder / found["path"], found["line"] + "\n"
            text = path.read_text()
            assert text.count(f"\n{line}") == 1
            path.write_text(text.replace(f"\n{line}", f"\n{line}{step.text}"))
        elif found := AT_THE_END.search(step.before):
            with (self.folder / found["path"]).open("a") as file:
                file.write(step.text)
        else:
            raise AssertionError(f"nobody knows where this goes:\n{step.text}")


def commands(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each command of a console with the lines it is shown to print."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, *shown = part.splitlines()
        yield command, [line for line in shown if line]


def test_every_block_of_the_walk_is_followed() -> None:
    assert len(STEPS) == WALK.count("```") // 2
    assert [step.kind for step in STEPS if step.kind not in ("console", "sh", "yaml", "bash")] == []


@pytest.mark.cluster
@pytest.mark.timeout(900)
def test_a_newcomer_gets_from_an_empty_folder_to_a_rehearsed_lab(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    environment = {
        "ASSAY_HOME": str(home),
        "ASSAY_CACHE": str(cache_path()),
        "HOME": str(home),
        "LANG": "C.UTF-8",
        "COLUMNS": "200",
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }
    newcomer = Newcomer(tmp_path, environment)

    for step in STEPS:
        newcomer.follow(step)

    assert EmbeddedProvider(home / "clusters").list() == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["gpu-quotas"]
