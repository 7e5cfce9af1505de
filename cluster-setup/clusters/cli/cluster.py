"""`assay cluster`: clusters and nothing else, for a terminal and for scripts."""

from __future__ import annotations

import secrets
import shlex
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from clusters.cli.logs import follow_logs, print_logs, read_logs
from clusters.cli.output import json_option, out, phase_printer, print_json
from clusters.inventory import default_inventory, load_inventory
from clusters.provider import DEFAULT_PROVIDER, Cluster, ClusterState, provider_named
from clusters.spec import ClusterSpec

provider_option = click.option(
    "--provider",
    "provider_name",
    default=DEFAULT_PROVIDER,
    show_default=True,
    envvar="ASSAY_PROVIDER",
    help="Who makes the cluster.",
)


@click.group()
def cluster() -> None:
    """Make, look at and delete clusters.

    \b
    assay cluster create --name demo
    kubectl --kubeconfig "$(assay cluster create --name demo --json | jq -r .kubeconfig)" get nodes
    assay cluster list
    assay cluster logs demo --component kube-scheduler --follow
    assay cluster delete demo
    """


@cluster.command()
@click.option("--name", help="Name of the cluster; a random one when left out.")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of nodes and accelerators; two nodes of 8 simulated GPUs when left out.",
)
@provider_option
@json_option
def create(name: str | None, inventory: Path | None, provider_name: str, as_json: bool) -> None:
    """Make a cluster, or finish or repair the one of this name.

    Ends when a Pod can be created. The cluster runs until it is deleted.

    \b
    assay cluster create
    assay cluster create --name demo --inventory two-kinds.yaml
    assay cluster create --name demo --json
    """
    spec = ClusterSpec(
        name or f"cluster-{secrets.token_hex(3)}",
        load_inventory(inventory) if inventory else default_inventory(),
    )
    made = provider_named(provider_name).create(spec, phase_printer(as_json))
    if as_json:
        print_json(made.to_json())
        return
    out.print(f"Cluster [bold]{made.name}[/] is {made.state} with Kubernetes {made.kubernetes}.")
    out.print(f"  export KUBECONFIG={escape(shlex.quote(str(made.kubeconfig)))}", style="cyan")


@cluster.command(name="list")
@provider_option
@json_option
def list_clusters(provider_name: str, as_json: bool) -> None:
    """Show the clusters, as found on the running system."""
    clusters = provider_named(provider_name).list()
    if as_json:
        print_json([found.to_json() for found in clusters])
    elif not clusters:
        out.print("No clusters. Make one with `assay cluster create`.")
    else:
        out.print(_table(clusters))
        _print_deaths(clusters)


@cluster.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="Every cluster of this installation.")
@provider_option
@json_option
def delete(names: tuple[str, ...], everything: bool, provider_name: str, as_json: bool) -> None:
    """Delete clusters with their processes, ports and files.

    A name that does not exist is no error: the cluster is gone.

    \b
    assay cluster delete demo other
    assay cluster delete --all
    """
    if bool(names) == everything:
        raise click.UsageError("name the clusters to delete, or give --all")
    provider = provider_named(provider_name)
    chosen = [found.name for found in provider.list()] if everything else list(names)
    for name in chosen:
        provider.delete(name)
        if not as_json:
            out.print(f"Cluster [bold]{name}[/] is deleted.")
    if as_json:
        print_json({"deleted": chosen})


@cluster.command()
@click.argument("name")
@click.option("--component", help="One component only, for example kube-scheduler.")
@click.option("--follow", is_flag=True, help="Keep printing what is added.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy the logs into this folder instead of printing them.",
)
@provider_option
@json_option
def logs(
    name: str,
    component: str | None,
    follow: bool,
    to: Path | None,
    provider_name: str,
    as_json: bool,
) -> None:
    """Print or copy the logs of a cluster's components.

    \b
    assay cluster logs demo
    assay cluster logs demo --component kube-apiserver --follow
    assay cluster logs demo --to logs-of-demo
    """
    provider = provider_named(provider_name)
    if follow and (to or as_json):
        raise click.UsageError("--follow prints; it goes with neither --to nor --json")
    if to:
        copied = [str(path) for path in provider.collect_logs(name, to)]
        print_json({"name": name, "files": copied}) if as_json else out.print("\n".join(copied))
    elif follow:
        follow_logs(provider, name, component)
    elif as_json:
        print_json({"name": name, "logs": read_logs(provider, name, component)})
    else:
        print_logs(read_logs(provider, name, component))


_COLOURS = {
    ClusterState.READY: "green",
    ClusterState.DEGRADED: "red",
    ClusterState.INCOMPLETE: "yellow",
}


def _table(clusters: Sequence[Cluster]) -> Table:
    table = Table("name", "state", "kubernetes", "owner", "created", "memory", box=None)
    for found in clusters:
        memory = sum(component.memory for component in found.components) >> 20
        table.add_row(
            f"[bold]{found.name}[/]",
            f"[{_COLOURS[found.state]}]{found.state}[/]",
            found.kubernetes,
            escape(found.owner),
            found.created_at,
            f"{memory} MiB",
        )
    return table


def _print_deaths(clusters: Sequence[Cluster]) -> None:
    for found in clusters:
        if found.state is ClusterState.DEGRADED:
            for component in found.components:
                if component.pid is None:
                    out.print(
                        f"[red]{found.name}: {component.name} does not run.[/] "
                        f"`assay cluster create --name {found.name}` starts it again. "
                        f"Its log ends with: {escape(component.detail)}"
                    )
