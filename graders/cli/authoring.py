"""`assay lab new|lint`: for the authors of labs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.markup import escape

from clusters.cli.output import json_option, out, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from graders.authoring import new_lab
from graders.catalogue import all_labs, lab_folder_at, labs_folder
from graders.lint import lint_lab

all_option = click.option("--all", "everything", is_flag=True, help="Every lab in ASSAY_LABS.")


@click.command()
@click.argument("slug")
@click.option("--title", help="What people call it; by default made of the slug.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which the lab's folder is made; by default that of all labs.",
)
@json_option
def new(slug: str, title: str | None, to: Path | None, as_json: bool) -> None:
    """Make a lab folder: complete, small, and ready to be changed.

    It passes `lint` and `rehearse` as it is. See docs/authoring.md.

    \b
    assay lab new gpu-quotas --title "Share GPUs by quota"
    assay lab new gpu-quotas --to ~/my-labs
    """
    name = title or slug.replace("-", " ").capitalize()
    folder = new_lab(slug, name, to or labs_folder())
    if as_json:
        print_json({"lab": slug, "folder": str(folder)})
        return
    argument = folder if to else slug
    out.print(f"The lab [bold]{slug}[/] is in {escape(str(folder))}. Next:")
    out.print(f"  assay lab lint {argument}", style="cyan")
    out.print(f"  assay lab rehearse {argument}", style="cyan")


@click.command()
@click.argument("labs", nargs=-1, metavar="[SLUG|DIR]...")
@all_option
@json_option
def lint(labs: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Say everything that is wrong with labs, without starting a cluster.

    Exit code: 0 nothing is wrong; 1 something is.

    \b
    assay lab lint --all
    assay lab lint dra-01-claim-a-gpu
    assay lab lint ~/my-labs/gpu-quotas --json
    """
    problems = {folder: lint_lab(folder) for folder in folders_of(labs, everything)}
    wrong = any(problems.values())
    if as_json:
        lines = [_lint_document(folder, found) for folder, found in problems.items()]
        print_json({"true": not wrong, "labs": lines})
    else:
        for folder, found in problems.items():
            _print_problems(folder.resolve().name, found)
    return EXIT_NO if wrong else EXIT_DONE


def folders_of(labs: Sequence[str], everything: bool) -> list[Path]:
    """Return the folders of the labs that a command is about.

    Raises:
        UsageError: neither labs nor `--all`, or both.
        NotFound: there is no such lab.
    """
    if bool(labs) == everything:
        raise click.UsageError("name labs by slug or folder, or give --all")
    if not everything:
        return [lab_folder_at(name) for name in labs]
    return [found.folder for found in all_labs()]


def _lint_document(folder: Path, problems: Sequence[str]) -> dict[str, Any]:
    return {"lab": folder.resolve().name, "folder": str(folder), "problems": list(problems)}


def _print_problems(slug: str, problems: Sequence[str]) -> None:
    if not problems:
        out.print(f"[green]✓[/] {escape(slug)}")
    for problem in problems:
        out.print(f"[red]✗[/] {escape(problem.replace(f'{Path.cwd()}/', ''))}")
