"""`assay lab new|lint`: for the authors of labs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
from rich.markup import escape

from clusters.cli.output import json_option, out, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from graders.authoring import new_lab
from graders.catalogue import all_labs, lab_folder_at, labs_folder
from graders.lint import lint_lab, lint_warnings

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

    What is marked with ! is no mistake, and worth a thought: few variants, for example.

    Exit code: 0 nothing is wrong; 1 something is.

    \b
    assay lab lint --all
    assay lab lint dra-01-claim-a-gpu
    assay lab lint ~/my-labs/gpu-quotas --json
    """
    found = [_Lint(f, lint_lab(f), lint_warnings(f)) for f in folders_of(labs, everything)]
    wrong = any(lab.problems for lab in found)
    if as_json:
        print_json({"true": not wrong, "labs": [lab.to_json() for lab in found]})
    else:
        for lab in found:
            lab.show()
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


class _Lint(NamedTuple):
    """What lint says about one lab."""

    folder: Path
    problems: list[str]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        slug = self.folder.resolve().name
        told = {"problems": self.problems, "warnings": self.warnings}
        return {"lab": slug, "folder": str(self.folder), **told}

    def show(self) -> None:
        if not self.problems:
            out.print(f"[green]✓[/] {escape(self.folder.resolve().name)}")
        for mark, sentences in (("[red]✗[/]", self.problems), ("[yellow]![/]", self.warnings)):
            for sentence in sentences:
                out.print(f"{mark} {escape(sentence.replace(f'{Path.cwd()}/', ''))}")
