"""`assay lab rehearse`: proves labs, and keeps what was found."""

from __future__ import annotations

import signal
from collections.abc import Sequence

import click
from rich.markup import escape
from rich.table import Table

from clusters.cli.cluster import provider_option
from clusters.cli.output import err, json_option, out, phase_printer, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from clusters.provider import provider_named
from graders.catalogue import lab_at
from graders.cli.authoring import all_option, folders_of
from graders.rehearsal import ReportCard, RunResult


@click.command()
@click.argument("labs", nargs=-1, metavar="[SLUG|DIR]...")
@all_option
@click.option("--seeds", default=2, show_default=True, type=click.IntRange(1, 100))
@click.option(
    "--only",
    multiple=True,
    help="Only these runs: untouched, solution, mutant, a solution's name, a task, TASK/WHAT.",
)
@click.option(
    "--at-once",
    default=2,
    show_default=True,
    type=click.IntRange(1, 32),
    help="How many clusters are used at the same time.",
)
@provider_option
@json_option
def rehearse(
    labs: tuple[str, ...],
    everything: bool,
    seeds: int,
    only: tuple[str, ...],
    at_once: int,
    provider_name: str,
    as_json: bool,
) -> int:
    """Prove labs on fresh clusters.

    For each seed: untouched, every task must fail; after each solution, every task must pass;
    after each mutant, exactly its task must fail. The report card is kept for instructors.

    Exit code: 0 the labs are proved; 1 one is not.

    \b
    assay lab rehearse dra-01-claim-a-gpu
    assay lab rehearse ~/my-labs/gpu-quotas --seeds 1 --only mutant
    assay lab rehearse --all --json
    """
    from graders.rehearsal.cards import store_card
    from graders.rehearsal.rehearsal import rehearse as rehearse_lab  # brings the Kubernetes client

    chosen = [lab_at(str(folder)) for folder in folders_of(labs, everything)]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clear up as after Ctrl-C
    cards = []
    for found in chosen:
        if not as_json:
            err.print(f"[bold]{found.slug}[/] {found.version}")
        card = rehearse_lab(
            found,
            provider_named(provider_name),
            range(1, seeds + 1),
            only=only,
            at_once=at_once,
            on_run=_print_run,
            on_phase=phase_printer(as_json),
        )
        if not only:
            store_card(card.to_json())
        cards.append(card)
    _print_cards(cards, as_json, several=everything or len(labs) > 1)
    return EXIT_DONE if all(card.true for card in cards) else EXIT_NO


def _print_run(result: RunResult) -> None:
    run = result.run
    mark = "[red]✗[/]" if result.surprises else "[green]✓[/]"
    name = run.name if run.name == run.kind else f"{run.kind} {run.name}"
    err.print(f"  {mark} seed {run.seed}  {escape(name)}  [dim]{result.seconds:.1f} s[/]")
    for surprise in result.surprises:
        err.print(f"      {escape(surprise)}", style="yellow")


def _print_cards(cards: Sequence[ReportCard], as_json: bool, several: bool) -> None:
    if not as_json:
        for card in cards:
            _print_card(card)
    elif several:
        documents = [card.to_json() for card in cards]
        print_json({"true": all(card.true for card in cards), "cards": documents})
    else:
        print_json(cards[0].to_json())


def _print_card(card: ReportCard) -> None:
    table = Table("run", *(f"seed {seed}" for seed in card.seeds), box=None)
    names = dict.fromkeys((result.run.kind, result.run.name) for result in card.runs)
    for kind, name in names:
        marks = [
            "[red]✗[/]" if result.surprises else "[green]✓[/]"
            for result in card.runs
            if (result.run.kind, result.run.name) == (kind, name)
        ]
        table.add_row(escape(name if name == kind else f"{kind} {name}"), *marks)
    out.print(table, soft_wrap=False)
    for problem in card.problems:
        out.print(f"[red]✗[/] {escape(problem)}")
    verdict = "[green]is proved[/]" if card.true else "[red]is not proved[/]"
    kubernetes = ", ".join(card.kubernetes)
    out.print(f"[bold]{card.lab}[/] {card.version} {verdict} with Kubernetes {kubernetes}.")
