r"""What clusters cost: how fast they come, what they take, how many fit, beside their peers.

\b
python benchmarks/clusters.py
python benchmarks/clusters.py --only fleet --only held --json > clusters.json
python benchmarks/clusters.py --only held --held 6
python benchmarks/clusters.py --quick

Every figure is taken in this run, on this machine, with real clusters in an installation of its
own. `docs/figures.md` explains each. Exit code 1 when a target is missed; a peer that this machine
cannot run is said and misses nothing. `--quick` takes so few samples that its figures say nothing.
"""

from __future__ import annotations

import importlib
import os
import platform
import time

import click
import psutil

from benchmarks.grading_rows import Row, exit_code, to_table
from clusters.cli.output import err, out, print_json

SECTIONS = {
    "start": "benchmarks.clusters_start",
    "fleet": "benchmarks.clusters_fleet",
    "held": "benchmarks.clusters_held",
    "kind": "benchmarks.clusters_kind",
}
"""The sections in their order, and the module whose `measure` takes their figures."""


@click.command(help=(__doc__ or "").replace(r"\b", "\b"))
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(SECTIONS)),
    help="Only this section; several times.",
)
@click.option(
    "--held",
    type=click.IntRange(1),
    help="How many clusters `held` makes; as many as the memory ought to hold without it.",
)
@click.option("--quick", is_flag=True, help="A few samples only, to see that it works.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def main(only: tuple[str, ...], held: int | None, quick: bool, as_json: bool) -> None:
    """Measure the sections, one after the other."""
    rows: list[Row] = []
    for name in [name for name in SECTIONS if name in only or not only]:
        began = time.monotonic()
        options = {"wanted": held} if name == "held" and held else {}
        rows += importlib.import_module(SECTIONS[name]).measure(quick, **options)
        err.print(f"{name}: {time.monotonic() - began:.0f} s")
    print_json(report(rows)) if as_json else out.print(to_table(rows))
    raise SystemExit(exit_code(rows))


def report(rows: list[Row]) -> dict[str, object]:
    """Return the figures as JSON values, with what is to be known of the machine."""
    return {
        "cpus": os.cpu_count(),
        "memory_mib": psutil.virtual_memory().total >> 20,
        "machine": platform.machine(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "rows": [row.to_json() for row in rows],
        "met": exit_code(rows) == 0,
    }
