"""`assay cluster`: clusters and nothing else, for a terminal and for scripts."""

from __future__ import annotations

import secrets
import shlex
from pathlib import Path

import click
from rich.markup import escape

from clusters.addons.catalogue import capabilities_needed
from clusters.capability import Capability
from clusters.cli.addons import addon_option, addons
from clusters.cli.keeping import freeze, restore, snapshot, thaw
from clusters.cli.listing import list_clusters, pool
from clusters.cli.logs import follow_logs, print_logs, read_logs
from clusters.cli.options import provider_option
from clusters.cli.output import json_option, out, phase_printer, print_json
from clusters.errors import PreflightError
from clusters.inventory import default_inventory, load_inventory
from clusters.provider import provider_named
from clusters.spec import ClusterSpec


@click.group()
def cluster() -> None:
    """Make, look at and delete clusters.

    \b
    assay cluster create --name demo
    kubectl --kubeconfig "$(assay cluster create --name demo --json | jq -r .kubeconfig)" get nodes
    assay cluster list --watch
    assay cluster pool
    assay cluster logs demo --component kube-scheduler --follow
    assay cluster delete demo
    """


cluster.add_command(addons)


@cluster.command()
@click.option("--name", help="Name of the cluster; a random one when left out.")
@click.option(
    "--inventory",
    type=click.Path(path_type=Path, dir_okay=False),
    help="YAML file of nodes and accelerators; two nodes of 8 simulated GPUs when left out.",
)
@click.option(
    "--capability",
    "capabilities",
    multiple=True,
    type=click.Choice([each.value for each in Capability]),
    help="What the cluster must offer, networking for example; may be given more than once.",
)
@addon_option
@provider_option
@json_option
def create(
    name: str | None,
    inventory: Path | None,
    capabilities: tuple[str, ...],
    addons: tuple[str, ...],
    provider_name: str,
    as_json: bool,
) -> None:
    """Make a cluster, or finish or repair the one of this name.

    Ends when a Pod can be created. The cluster runs until it is deleted.

    \b
    assay cluster create
    assay cluster create --name demo --inventory two-kinds.yaml
    assay cluster create --name demo --capability networking
    assay cluster create --name demo --addon kueue --addon prometheus
    assay cluster create --name demo --json
    """
    provider = provider_named(provider_name)
    wanted = frozenset(map(Capability, capabilities)) | capabilities_needed(addons)
    if missing := sorted(wanted - provider.capabilities):
        raise PreflightError(
            f"clusters of the provider {provider.name} do not offer {', '.join(missing)} on this "
            "host; see `assay doctor`"
        )
    spec = ClusterSpec(
        name or f"cluster-{secrets.token_hex(3)}",
        load_inventory(inventory) if inventory else default_inventory(),
        capabilities=wanted - {Capability.SCHEDULING},
        addons=addons,
    )
    made = provider.create(spec, phase_printer(as_json))
    if as_json:
        print_json(made.to_json())
        return
    out.print(f"Cluster [bold]{made.name}[/] is {made.state} with Kubernetes {made.kubernetes}.")
    out.print(f"  export KUBECONFIG={escape(shlex.quote(str(made.kubeconfig)))}", style="cyan")


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


for command in (list_clusters, pool, freeze, thaw, snapshot, restore):
    cluster.add_command(command)
