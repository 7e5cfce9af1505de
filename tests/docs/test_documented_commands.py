"""Every command that the README and docs/ show exists, with every flag it is shown with."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from clusters.cli.main import assay

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(?:console|sh|bash)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown_commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for line in block.replace("\\\n", " ").splitlines():
                command = line.strip().removeprefix("$ ").split(" #")[0].strip()
                if command.startswith(("assay ", "make ")):
                    yield page.name, command


COMMANDS = sorted(set(shown_commands()))


def targets() -> set[str]:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_shown_command_exists_with_its_flags(page: str, command: str) -> None:
    program, *words = shlex.split(command)
    if program == "make":
        assert set(w for w in words if "=" not in w) <= targets(), f"{page}: {command}"
        return

    found: click.Command = assay
    while isinstance(found, click.Group) and words:
        with click.Context(found) as context:
            below = found.get_command(context, words[0])
        assert below is not None, f"{page}: `{command}`: there is no command {words[0]!r}"
        found, words = below, words[1:]
    known = {flag for p in found.params for flag in (*p.opts, *p.secondary_opts)} | {"--help"}
    used = {word.split("=")[0] for word in words if word.startswith("-") and word != "-"}

    assert used <= known, f"{page}: `{command}`: unknown {sorted(used - known)}"


def test_readme_shows_the_two_commands_and_the_tour() -> None:
    shown = {command for page, command in COMMANDS if page == "README.md"}

    assert {"make up", "make test", "make tour"} <= shown


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    local = [link for link in links if not link.startswith(("http:", "https:", "mailto:"))]

    missing = [link for link in local if not (page.parent / link).exists()]

    assert not missing
