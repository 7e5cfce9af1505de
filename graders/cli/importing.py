"""`assay lab import`: labs made of what others have written."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from clusters.cli.output import err, json_option, out, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from graders.catalogue import labs_folder
from graders.lab import load_lab
from graders.lint import lint_lab


@click.group(name="import")
def import_group() -> None:
    """Make labs of what others have written.

    \b
    assay lab import nbgrader ~/my-course/source/ps1
    """


@import_group.command()
@click.argument("assignment", type=click.Path(path_type=Path), metavar="DIR")
@click.option("--slug", default="", help="Name of the lab; by default made of the folder's.")
@click.option("--title", default="", help="What people call it; by default the first heading.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which the lab's folder is made; by default that of all labs.",
)
@json_option
def nbgrader(assignment: Path, slug: str, title: str, to: Path | None, as_json: bool) -> int:
    """Make a lab of an nbgrader assignment: its source notebooks, with solutions and tests.

    DIR is a folder of source/ in the course. Its notebooks become one; autograded answers and
    their tests stay what they are, and earn points for practice. The solutions are tried: they
    must earn every point, and nothing without them. See docs/nbgrader.md.

    Exit code: 0 it is a lab; 1 it is one with the problems that were printed.

    \b
    assay lab import nbgrader ~/my-course/source/ps1
    assay lab import nbgrader ~/my-course/source/ps1 --slug squares --title "Squares" --to ~/my-labs
    """
    from graders.formative.proof import try_solutions
    from graders.importing import import_assignment

    imported = import_assignment(assignment, to or labs_folder(), slug, title)
    notes, problems = list(imported.notes), lint_lab(imported.folder)
    if not problems:
        err.print("Trying the solutions ...", style="dim")
        problems, untried = try_solutions(load_lab(imported.folder), seed=1)
        notes += untried
    if as_json:
        print_json(
            {
                "true": not problems,
                "lab": imported.folder.name,
                "folder": str(imported.folder),
                "notes": notes,
                "problems": problems,
            }
        )
    else:
        _print(imported.folder, notes, problems)
    return EXIT_NO if problems else EXIT_DONE


def _print(folder: Path, notes: list[str], problems: list[str]) -> None:
    for note in notes:
        out.print(f"[yellow]·[/] {escape(note)}")
    for problem in problems:
        out.print(f"[red]✗[/] {escape(problem)}")
    out.print(f"The lab [bold]{folder.name}[/] is in {escape(str(folder))}.")
    out.print("What certifies is done in the cluster: replace its one small task by your own, then")
    out.print(f"  assay lab rehearse {escape(str(folder))}", style="cyan")
