"""`assay lab list`: the labs of this installation, their proof, and what it cannot run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
from rich.markup import escape
from rich.table import Column, Table

from clusters.capability import Capability
from clusters.cli.options import provider_option
from clusters.cli.output import err, json_option, out, print_json
from clusters.provider import provider_named
from graders.catalogue import LabProblem, all_labs, labs_folder
from graders.cli.cards import present_state
from graders.lab import Lab
from graders.rehearsal import card_of


@click.command(name="list")
@provider_option
@json_option
def list_labs(provider_name: str, as_json: bool) -> None:
    """Show the labs, whether they are proved, and what this installation cannot run.

    \b
    assay lab list
    ASSAY_LABS=~/my-labs assay lab list --json
    """
    labs = all_labs()
    offered = provider_named(provider_name).capabilities
    if as_json:
        print_json([_document(found, offered) for found in labs])
        return
    if not labs:
        out.print(f"No labs in {escape(str(labs_folder()))}. Write one with `assay lab new`.")
        return
    good = [found for found in labs if isinstance(found, Lab)]
    out.print(_table(good, offered), soft_wrap=False)
    for broken in labs:
        if isinstance(broken, LabProblem):
            err.print(f"[red]{escape(broken.slug)} cannot be read:[/] `assay lab lint` says why")


def _document(found: Lab | LabProblem, offered: frozenset[Capability]) -> dict[str, Any]:
    if isinstance(found, LabProblem):
        return {"slug": found.slug, "problems": list(found.problems)}
    return {
        **found.to_json(),
        "missing_capabilities": _missing(found, offered),
        "report_card": card_of(found).to_json(),
        "problems": [],
    }


def _table(labs: Sequence[Lab], offered: frozenset[Capability]) -> Table:
    # Whole at any width: the slug is what one types.
    slug = Column("lab", no_wrap=True, min_width=max((len(lab.slug) for lab in labs), default=0))
    table = Table(slug, "title", "tasks", "points", "minutes", "runs here", "proved", box=None)
    for found in labs:
        missing = _missing(found, offered)
        table.add_row(
            f"[bold]{found.slug}[/]",
            escape(found.title),
            str(len(found.tasks)),
            str(found.points),
            str(found.document.minutes),
            f"[yellow]no, needs {', '.join(missing)}[/]" if missing else "[green]yes[/]",
            present_state(card_of(found).state),
        )
    return table


def _missing(found: Lab, offered: frozenset[Capability]) -> list[str]:
    return sorted(c.value for c in found.needs - offered)
