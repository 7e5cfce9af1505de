r"""Whether anything leaks when everything is killed: random operations on a whole platform.

\b
python benchmarks/chaos.py
python benchmarks/chaos.py --operations 50 --seed 7
python benchmarks/chaos.py --provider kind --operations 20 --json

Clusters are made, leased, frozen, taken back and deleted; commands, components, the broker and the
hub are killed with SIGKILL at random moments, two things at once. At the end everybody is asked:
the provider's list, the ledger, leases, processes, ports, folders and containers must tell the same
story within ten minutes. The seed is printed: the same seed draws the same operations. Exit code
1 when something leaked.
"""

from __future__ import annotations

import random
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import click
from rich.progress import Progress

from benchmarks.chaos_agreement import disagreements
from benchmarks.chaos_operations import draw
from benchmarks.chaos_world import World, world
from clusters.cli.output import err, out, print_json

SETTLE_SECONDS = 600.0
_EVERY = 1.0


@click.command(help=__doc__)
@click.option("--operations", type=click.IntRange(1), default=500, show_default=True)
@click.option("--seed", type=int, help="Draws the operations; random when left out.")
@click.option("--provider", default="embedded", show_default=True, help="Who makes the clusters.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@click.pass_context
def main(
    context: click.Context, operations: int, seed: int | None, provider: str, as_json: bool
) -> None:
    """Run it."""
    seed = secrets.randbelow(2**31) if seed is None else seed
    err.print(f"seed {seed}")
    found = run(operations, seed, provider)
    if as_json:
        print_json(found)
    else:
        _show(found)
    context.exit(0 if found["true"] else 1)


def run(operations: int, seed: int, provider: str) -> dict[str, Any]:
    """Do what the seed draws, and return what was found."""
    began = time.monotonic()
    counts: Counter[str] = Counter()
    with world(provider) as here, Progress(console=err, transient=True) as progress:
        here.assay("up", "--port", str(here.port))
        bar = progress.add_task("operations", total=operations)
        dice = random.Random(seed)
        with ThreadPoolExecutor(1) as beside:
            for number in range(operations):
                act, own = draw(dice), random.Random(dice.random())
                counts[act.__name__] += 1
                if number % 3 == 0:  # beside the next one, so that two things happen at once
                    beside.submit(_quietly, act, here, own)
                else:
                    _quietly(act, here, own)
                progress.update(bar, completed=number + 1, description=act.__name__)
        left = settle(here)
        problems = list(here.problems)
    return {
        "seed": seed,
        "provider": provider,
        "operations": dict(counts),
        "disagreements": left,
        "problems": problems,
        "seconds": round(time.monotonic() - began, 1),
        "true": not left,
    }


def settle(here: World) -> list[str]:
    """Wait until everybody agrees; return where they still differ when the time is over."""
    here.assay("up", "--port", str(here.port))
    for name in sorted(here.unsure):
        here.assay("cluster", "delete", name)
        here.wanted.discard(name)
    for name in sorted(here.wanted):  # whatever was struck in it, creating it again mends it
        if not here.assay("cluster", "create", "--name", name):
            here.problems.append(f"cluster create {name} does not mend it")
    deadline = time.monotonic() + SETTLE_SECONDS
    while (left := disagreements(here)) and time.monotonic() < deadline:
        time.sleep(_EVERY)
    return left


def _quietly(act: Any, here: World, dice: random.Random) -> None:
    try:
        act(here, dice)
    except Exception as error:
        here.problems.append(f"{act.__name__}: {type(error).__name__}: {error}")


def _show(found: dict[str, Any]) -> None:
    for name, count in sorted(found["operations"].items()):
        out.print(f"  {count:4d}  {name.replace('_', ' ')}")
    for sentence in found["problems"]:
        out.print(f"[yellow]{sentence}[/]")
    for sentence in found["disagreements"]:
        out.print(f"[red]{sentence}[/]")
    word = "[green]nothing leaked[/]" if found["true"] else "[red]something leaked[/]"
    out.print(f"{word} (seed {found['seed']}, {found['seconds']} s)")


if __name__ == "__main__":
    main()
