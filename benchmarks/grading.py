r"""What grading costs and stands, beside its peers, in one run.

\b
python benchmarks/grading.py
python benchmarks/grading.py --only simple --only six --json > grading.json
python benchmarks/grading.py --quick

Everything is measured on the embedded provider and asked for at the proctor over HTTP, as a
notebook does. `docs/benchmarks.md` explains each figure. Exit code 1 when a target is missed;
`--quick` takes so few samples that its figures say nothing.
"""

from __future__ import annotations

import importlib
import os
import platform
import time

import click

from benchmarks.grading_rows import Measure, Row, exit_code, to_table
from clusters.cli.output import err, out, print_json

SECTIONS = {
    "simple": "benchmarks.grading_simple",
    "six": "benchmarks.grading_six",
    "throughput": "benchmarks.grading_throughput",
    "live": "benchmarks.grading_live",
    "regrade": "benchmarks.grading_regrade",
    "forgeries": "benchmarks.grading_forgeries",
}
"""The sections in their order, and the module whose `measure` takes their figures."""


@click.command(help=(__doc__ or "").replace(r"\b", "\b"))
@click.option(
    "--only",
    multiple=True,
    type=click.Choice(list(SECTIONS)),
    help="Only this section; several times.",
)
@click.option("--quick", is_flag=True, help="A few samples only, to see that it works.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def main(only: tuple[str, ...], quick: bool, as_json: bool) -> None:
    """Measure the sections, one after the other."""
    chosen = [name for name in SECTIONS if name in only or not only]
    rows: list[Row] = []
    for name in chosen:
        began = time.monotonic()
        measure: Measure = importlib.import_module(SECTIONS[name]).measure
        rows += measure(quick)
        err.print(f"{name}: {time.monotonic() - began:.0f} s")
    if as_json:
        print_json(report(rows))
    else:
        out.print(to_table(rows))
    raise SystemExit(exit_code(rows))


def report(rows: list[Row]) -> dict[str, object]:
    """Return the figures as JSON values, with what is to be known of the machine."""
    return {
        "cpus": os.cpu_count(),
        "machine": platform.machine(),
        "kernel": platform.release(),
        "load": os.getloadavg()[0],
        "rows": [row.to_json() for row in rows],
        "met": exit_code(rows) == 0,
    }


if __name__ == "__main__":
    main()
