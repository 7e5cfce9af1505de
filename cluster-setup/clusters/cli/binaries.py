"""`assay binaries`: see and fetch the programs that clusters are made of."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn
from rich.table import Column, Table

from clusters.binaries import Resolved, Resolver, resolver
from clusters.cli.output import err, json_option, out, phase_printer, print_json, print_phase
from clusters.phases import OnPhase, Phase


@click.group()
def binaries() -> None:
    """The programs that clusters are made of: etcd, Kubernetes, kwok.

    They are pinned, and brought once to the cache (ASSAY_CACHE): downloaded from their
    publishers and verified, or built from pinned Go modules where that is not possible.

    \b
    What is pinned, and what is in the cache    assay binaries list
    Bring everything that clusters need         assay binaries fetch
    Only one of them                            assay binaries fetch kubectl
    Never ask the network for a release         ASSAY_BINARIES=build assay binaries fetch
    """


kubernetes_option = click.option(
    "--kubernetes",
    default="",
    metavar="VERSION",
    help="Another minor version than learners have, for rehearsals; for example 1.36.",
)


@binaries.command("list")
@kubernetes_option
@json_option
def list_binaries(kubernetes: str, as_json: bool) -> None:
    """Show every pinned binary, whether it is in the cache, and where it came from.

    \b
    Example:
      assay binaries list --json
    """
    chosen = resolver(kubernetes)
    rows = [_describe(chosen, name) for name in chosen.lock.binaries]
    if as_json:
        print_json(rows)
    else:
        out.print(_table(rows))


@binaries.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@kubernetes_option
@json_option
def fetch(names: tuple[str, ...], kubernetes: str, as_json: bool) -> None:
    """Bring binaries to the cache: what every cluster is made of, or those that are named.

    A download takes seconds; building takes 8 to 20 minutes on two cores, once. What only
    some clusters need (node images, add-ons) comes when it is needed, or by name.
    Interrupt it whenever you like: the next call goes on.

    \b
    Examples:
      assay binaries fetch
      assay binaries fetch etcd kube-apiserver --json
      assay binaries fetch --kubernetes 1.36
      ASSAY_BINARIES_MIRROR=http://files.example.org assay binaries fetch
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end the build as after Ctrl-C
    chosen = resolver(kubernetes)
    with progress(as_json) as on_phase:
        found = chosen.resolve(names or chosen.lock.everyday, on_phase)
    if as_json:
        print_json([_fetched(binary) for binary in found])
    else:
        here = sum(binary.source == "cache" for binary in found)
        out.print(f"{len(found)} binaries are ready ({here} were in the cache already).")


@contextmanager
def progress(as_json: bool) -> Iterator[OnPhase]:
    """Show a bar to a person at a terminal, and lines to anything else."""
    if not err.is_terminal:
        yield phase_printer(as_json=True) if as_json else _line_printer()
        return
    message = TextColumn("{task.description}", table_column=Column(no_wrap=True, ratio=1))
    bar = Progress(
        SpinnerColumn(), message, BarColumn(24), TaskProgressColumn(), console=err, transient=True
    )
    with bar:
        task = bar.add_task("Looking into the cache", total=100)

        def show(phase: Phase) -> None:
            print_phase(phase)
            bar.update(task, description=phase.message, completed=phase.percent)

        yield show


def _line_printer() -> OnPhase:
    """Print when a step begins and when it ends, and nothing in between."""
    begun: set[str] = set()

    def show(phase: Phase) -> None:
        print_phase(phase)
        step = phase.message.partition(":")[0]
        if phase.seconds is None and step not in begun:
            begun.add(step)
            err.print(f"  [dim]…[/] {phase.message}")

    return show


def _fetched(binary: Resolved) -> dict[str, Any]:
    return {
        "name": binary.name,
        "version": binary.version,
        "path": str(binary.path),
        "source": binary.source,
        "seconds": round(binary.seconds, 3),
    }


def _describe(chosen: Resolver, name: str) -> dict[str, Any]:
    slot = chosen.slot(name)
    origin = slot.origin() if slot.filled else None
    return {
        "name": name,
        "version": slot.version,
        "path": str(slot.path),
        "present": slot.filled,
        "source": origin.source if origin else None,
        "reference": origin.reference if origin else None,
        "sha256": origin.sha256 if origin else None,
        "placed_at": origin.placed_at if origin else None,
    }


def _table(rows: list[dict[str, Any]]) -> Table:
    origin = Column("from", overflow="fold")
    table = Table("", "binary", "version", "source", origin, box=None, header_style="dim")
    for row in rows:
        mark = "[green]✓[/]" if row["present"] else "[yellow]-[/]"
        source = row["source"] or "not in the cache"
        table.add_row(mark, row["name"], row["version"], source, row["reference"] or "")
    return table
