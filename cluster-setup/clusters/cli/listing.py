"""`assay cluster list` and `assay cluster pool`: what runs, who has it, and what waits ready."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from clusters.cli.options import provider_option
from clusters.cli.output import json_option, out, print_json
from clusters.home import home_path
from clusters.provider import (
    Cluster,
    ClusterProvider,
    ClusterState,
    provider_named,
)

if TYPE_CHECKING:
    from clusters.broker import Broker, Lease
    from clusters.broker.overview import Overview

EVERY = 2.0
"""Seconds between two looks of `--watch`."""
_COLOURS = {
    ClusterState.READY: "green",
    ClusterState.DEGRADED: "red",
    ClusterState.INCOMPLETE: "yellow",
}


@click.command(name="list")
@click.option("--watch", is_flag=True, help="Look again every two seconds, until Ctrl-C.")
@provider_option
@json_option
def list_clusters(watch: bool, provider_name: str, as_json: bool) -> None:
    """Show the clusters, as found on the running system, and who has them until when.

    \b
    assay cluster list
    assay cluster list --watch
    assay cluster list --json | jq '.[] | {name, state, lease}'
    """
    if watch and as_json:
        raise click.UsageError("--watch draws on a screen; it does not go with --json")
    provider = provider_named(provider_name)
    if watch:
        _watch(provider)
        return
    clusters, leases = provider.list(), _leases(provider)
    if as_json:
        print_json([_json(found, leases) for found in clusters])
    elif not clusters:
        out.print("No clusters. Make one with `assay cluster create`.")
    else:
        out.print(_table(clusters, leases))
        _print_deaths(clusters)


@click.command()
@provider_option
@json_option
def pool(provider_name: str, as_json: bool) -> None:
    """Show what waits ready, who waits for room, and how many clusters fit here.

    What is to wait ready stands in `pool.yaml` of the installation.

    \b
    assay cluster pool
    assay cluster pool --json | jq .limit
    """
    from clusters.broker.overview import overview  # brings the database

    found = overview(_broker(provider_named(provider_name)))
    if as_json:
        print_json(found.to_json())
    else:
        out.print(Group(*_figures(found)))


def _watch(provider: ClusterProvider) -> None:
    from clusters.broker.overview import overview  # brings the database

    broker = _broker(provider)
    with Live(console=out, auto_refresh=False, screen=out.is_terminal) as live:
        while True:
            found = overview(broker)
            table = _table(found.clusters, {lease.cluster: lease for lease in found.leases})
            live.update(Group(table, "", *_figures(found)), refresh=True)
            time.sleep(EVERY)


def _figures(found: Overview) -> list[str]:
    from clusters.broker.waiting import spoken

    wanted, ready = (sum(getattr(s, key) for s in found.pool) for key in ("wanted", "ready"))
    wait = "not known" if found.wait_seconds is None else f"about {spoken(found.wait_seconds)}"
    lines = [
        f"clusters          {len(found.clusters)} of {found.limit} that fit here",
        f"waiting ready     {ready} of {wanted}",
        f"waiting for room  {', '.join(map(escape, found.waiting)) or 'nobody'}",
        f"a wait would be   {wait}",
        f"memory left       {found.memory.available >> 20} of {found.memory.total >> 20} MiB",
    ]
    return [*lines, *([f"[red]{escape(found.problem)}[/]"] if found.problem else [])]


def _broker(provider: ClusterProvider) -> Broker:
    from clusters.broker import Broker
    from clusters.database import connect, database_url

    return Broker(connect(database_url()), provider)


def _leases(provider: ClusterProvider) -> dict[str, Lease]:
    """Return the leases by cluster; nobody has one where there is no database yet."""
    if not os.environ.get("ASSAY_DATABASE_URL") and not (home_path() / "assay.db").is_file():
        return {}
    return {lease.cluster: lease for lease in _broker(provider).leases.all()}


def _json(found: Cluster, leases: dict[str, Lease]) -> dict[str, object]:
    lease = leases.get(found.name)
    return {**found.to_json(), "lease": lease.to_json() if lease else None}


def _table(clusters: Sequence[Cluster], leases: dict[str, Lease]) -> Table:
    table = Table("name", "state", "kubernetes", "owner", "lease", "until", "memory", box=None)
    for found in clusters:
        memory = sum(component.memory for component in found.components) >> 20
        lease = leases.get(found.name)
        table.add_row(
            f"[bold]{found.name}[/]",
            f"[{_COLOURS.get(found.state, 'cyan')}]{found.state}[/]",
            found.kubernetes,
            escape(found.owner),
            lease.state.value if lease else "" if found.dressed else "waits ready",
            lease.expires_at if lease else "",
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
