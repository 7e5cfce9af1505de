"""`assay cluster freeze|thaw|snapshot|restore`: a cluster held still, or taken back in time."""

from __future__ import annotations

import time

import click
from rich.table import Table

from clusters.cli.options import provider_option
from clusters.cli.output import json_option, out, print_json
from clusters.errors import ClusterError
from clusters.freezing import Freezer
from clusters.provider import provider_named
from clusters.snapshots import Snapshots


@click.command()
@click.argument("name")
@provider_option
@json_option
def freeze(name: str, provider_name: str, as_json: bool) -> None:
    """Hold a cluster still: it keeps its memory, takes no processor time and answers nobody.

    \b
    assay cluster freeze demo
    assay cluster thaw demo
    """
    _freezer(provider_name).freeze(name)
    _say(as_json, {"name": name, "frozen": True}, f"Cluster [bold]{name}[/] is frozen.")


@click.command()
@click.argument("name")
@provider_option
@json_option
def thaw(name: str, provider_name: str, as_json: bool) -> None:
    """Let a frozen cluster go on where it was.

    \b
    assay cluster thaw demo
    """
    _freezer(provider_name).thaw(name)
    _say(as_json, {"name": name, "frozen": False}, f"Cluster [bold]{name}[/] goes on.")


@click.command()
@click.argument("name")
@click.argument("snapshot", required=False)
@provider_option
@json_option
def snapshot(name: str, snapshot: str | None, provider_name: str, as_json: bool) -> None:
    """Keep what a cluster holds now as SNAPSHOT; without one, show those that are kept.

    \b
    assay cluster snapshot demo before-the-upgrade
    assay cluster snapshot demo
    """
    snapshots = _snapshots(provider_name)
    if snapshot:
        kept = snapshots.take(name, snapshot)
        said = f"Snapshot [bold]{kept.name}[/] of cluster {name} is taken."
        _say(as_json, kept.to_json(), said)
        return
    found = snapshots.taken(name)
    if as_json:
        print_json([one.to_json() for one in found])
        return
    table = Table("snapshot", "taken", "size", box=None)
    for one in found:
        table.add_row(f"[bold]{one.name}[/]", one.taken_at, f"{one.size >> 10} KiB")
    out.print(table if found else f"No snapshots. `assay cluster snapshot {name} NAME` takes one.")


@click.command()
@click.argument("name")
@click.argument("snapshot")
@provider_option
@json_option
def restore(name: str, snapshot: str, provider_name: str, as_json: bool) -> None:
    """Take a cluster back to a snapshot: what was made since goes, what was lost comes back.

    \b
    assay cluster restore demo before-the-upgrade
    """
    began = time.monotonic()
    kept = _snapshots(provider_name).restore(name, snapshot)
    took = time.monotonic() - began
    said = f"Cluster [bold]{name}[/] is as it was at {kept.taken_at}, after {took:.1f} s."
    _say(as_json, {"name": name, "snapshot": kept.to_json(), "seconds": round(took, 3)}, said)


def _freezer(provider_name: str) -> Freezer:
    if freezer := provider_named(provider_name).freezer:
        return freezer
    raise ClusterError(f"clusters of the provider {provider_name} cannot be frozen")


def _snapshots(provider_name: str) -> Snapshots:
    if snapshots := provider_named(provider_name).snapshots:
        return snapshots
    raise ClusterError(f"clusters of the provider {provider_name} cannot be taken back")


def _say(as_json: bool, document: dict[str, object], sentence: str) -> None:
    print_json(document) if as_json else out.print(sentence)
