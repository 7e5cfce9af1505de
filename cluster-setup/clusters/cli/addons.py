"""`assay cluster addons`: what can run in a cluster beside Kubernetes."""

from __future__ import annotations

import click
from rich.markup import escape
from rich.table import Column, Table

from clusters.addons import catalogue
from clusters.cli.output import json_option, out, print_json

addon_option = click.option(
    "--addon",
    "addons",
    multiple=True,
    metavar="NAME",
    help="What is to run in it beside Kubernetes; can be given several times.",
)


@click.command()
@json_option
def addons(as_json: bool) -> None:
    """Show what can run in a cluster beside Kubernetes.

    \b
    assay cluster addons
    assay cluster create --name demo --addon kueue --addon prometheus
    assay cluster logs demo --component kueue
    """
    found = catalogue().values()
    if as_json:
        print_json([addon.to_json() for addon in found])
        return
    name = Column("name", no_wrap=True)
    version = Column("version", no_wrap=True)
    table = Table(name, version, "on", "what it is", box=None)
    for addon in found:
        needs = ", ".join([*addon.needs, *sorted(addon.requires)])
        summary = f"{addon.summary} Needs {needs}." if needs else addon.summary
        providers = ", ".join(sorted(addon.providers))
        table.add_row(f"[bold]{addon.name}[/]", addon.version, providers, escape(summary))
    out.print(table)
