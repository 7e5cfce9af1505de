"""`assay lab rehearse|card`: proves labs, and shows what was found."""

from __future__ import annotations

import logging
import re
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import click
from rich.markup import escape

from clusters.binaries.lock import installed_locks
from clusters.cli.options import provider_option
from clusters.cli.output import err, json_option, out, phase_printer, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from clusters.provider import provider_named
from graders.catalogue import lab_at
from graders.cli.authoring import all_option, folders_of
from graders.cli.cards import present_card, present_status
from graders.lab import Lab
from graders.rehearsal import ReportCard, RunResult, card_of
from graders.rehearsal.cards import log_place, publish_card, store_card

_UNITS = {"s": 1, "m": 60, "h": 3600}


def _seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read a time such as `90s`, `10m` or `1.5h`."""
    if value is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh])", value)
    if found is None:
        raise click.BadParameter(f"{value!r} is no time such as 90s, 10m or 1.5h")
    return float(found[1]) * _UNITS[found[2]]


@click.command()
@click.argument("labs", nargs=-1, metavar="[SLUG|DIR]...")
@all_option
@click.option(
    "--seeds",
    default=2,
    show_default=True,
    type=click.IntRange(1, 100),
    help="How many variants are drawn; what the lab's files tell of is run in each.",
)
@click.option(
    "--repeat",
    default=3,
    show_default=True,
    type=click.IntRange(1, 100),
    help="How many times each of these is graded; a verdict that changes is a flake.",
)
@click.option(
    "--kubernetes",
    multiple=True,
    metavar="VERSION|all",
    help="Version of Kubernetes, for example 1.36; may be given several times.",
)
@click.option(
    "--budget", callback=_seconds, metavar="TIME", help="Begin no run after 90s, 10m, 1h."
)
@click.option(
    "--only",
    multiple=True,
    help="Only these runs: untouched, solution, mutant, generated, forgery; a task; a name.",
)
@click.option(
    "--at-once",
    default=2,
    show_default=True,
    type=click.IntRange(1, 32),
    help="How many clusters are used at the same time.",
)
@click.option(
    "--publish", is_flag=True, help="Write a green card into the lab's folder, to be committed."
)
@provider_option
@json_option
def rehearse(
    labs: tuple[str, ...],
    everything: bool,
    seeds: int,
    repeat: int,
    kubernetes: tuple[str, ...],
    budget: float | None,
    only: tuple[str, ...],
    at_once: int,
    publish: bool,
    provider_name: str,
    as_json: bool,
) -> int:
    """Prove labs on fresh clusters.

    Untouched, every task must fail; after each solution, every task must pass; after each mutant,
    written or generated, exactly its task must fail; for a forgery no task may pass. The report
    card is kept, and `assay lab card` shows it. See docs/rehearsal.md.

    Exit code: 0 the labs are proved; 1 one is not.

    \b
    assay lab rehearse dra-01-claim-a-gpu --budget 10m
    assay lab rehearse ~/my-labs/gpu-quotas --seeds 1 --only mutant
    assay lab rehearse dra-01-claim-a-gpu --kubernetes all --publish
    assay lab rehearse --all --json
    """
    from graders.rehearsal.rehearsal import Scope  # brings the Kubernetes client
    from graders.rehearsal.rehearsal import rehearse as rehearse_lab

    chosen = [lab_at(str(folder)) for folder in folders_of(labs, everything)]
    scope = Scope(tuple(range(1, seeds + 1)), only, _versions(kubernetes), repeat, budget, at_once)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # clear up as after Ctrl-C
    cards = []
    for found in chosen:
        if not as_json:
            err.print(f"[bold]{found.slug}[/] {found.version}")
        provider = provider_named(provider_name)
        on_phase = phase_printer(as_json)
        with _logged(log_place(found.slug)):
            card = rehearse_lab(found, provider, scope, on_run=_print_run, on_phase=on_phase)
        _keep(card, found, kept=not only, publish=publish)
        cards.append(card)
    _print_cards(cards, as_json, several=everything or len(labs) > 1)
    return EXIT_DONE if all(card.true for card in cards) else EXIT_NO


@click.command()
@click.argument("labs", nargs=-1, metavar="[SLUG|DIR]...")
@all_option
@click.option("--publish", is_flag=True, help="Write a green card into the lab's folder.")
@json_option
def card(labs: tuple[str, ...], everything: bool, publish: bool, as_json: bool) -> int:
    """Show the report cards of labs: whether they are proved, as they are now.

    Exit code: 0 they are; 1 one is not, or its card is stale or missing.

    \b
    assay lab card --all
    assay lab card dra-01-claim-a-gpu --json
    assay lab card dra-01-claim-a-gpu --publish
    """
    found = [lab_at(str(folder)) for folder in folders_of(labs, everything)]
    statuses = [(lab, card_of(lab)) for lab in found]
    proved = all(status.is_green for _, status in statuses)
    if publish:
        for lab, status in statuses:
            if status.is_green:
                err.print(f"Written to {publish_card(status.card, lab)}", soft_wrap=True)
    if as_json:
        documents = [
            {"lab": lab.slug, **status.to_json(), "card": status.card or None}
            for lab, status in statuses
        ]
        print_json({"true": proved, "labs": documents})
    else:
        for lab, status in statuses:
            out.print(present_status(lab.slug, status), soft_wrap=False)
    return EXIT_DONE if proved else EXIT_NO


@contextmanager
def _logged(path: Path) -> Iterator[None]:
    """Write what graders print before an error into a file: here many errors are wanted."""
    log = logging.getLogger("graders")
    with closing(logging.FileHandler(path, mode="w", encoding="utf-8")) as handler:
        log.addHandler(handler)
        log.propagate = False
        try:
            yield
        finally:
            log.propagate = True
            log.removeHandler(handler)


def _versions(wanted: Sequence[str]) -> tuple[str, ...]:
    if "all" in wanted:
        return tuple(lock.kubernetes for lock in installed_locks())
    return tuple(wanted) or ("",)


def _keep(card: ReportCard, lab: Lab, *, kept: bool, publish: bool) -> None:
    if not kept:
        return
    if not card.is_whole:
        err.print("[yellow]The card is not kept:[/] not all that the lab's files tell of was run.")
        return
    store_card(card.to_json())
    if publish and card.true:
        publish_card(card.to_json(), lab)


def _print_run(result: RunResult) -> None:
    run = result.run
    mark = "[red]✗[/]" if result.surprises else "[yellow]-[/]" if result.void else "[green]✓[/]"
    name = run.name if run.name == run.kind else f"{run.kind} {run.name}"
    where = f" {run.kubernetes}" if run.kubernetes else ""
    err.print(
        f"  {mark} seed {run.seed}{where}  {escape(name)}  [dim]{result.seconds:.1f} s[/]",
        soft_wrap=True,
    )
    for sentence in result.surprises or [result.void]:
        if sentence:
            err.print(f"      {escape(sentence)}", style="yellow", soft_wrap=True)


def _print_cards(cards: Sequence[ReportCard], as_json: bool, several: bool) -> None:
    if not as_json:
        for card in cards:
            out.print(present_card(card.to_json()), soft_wrap=False)
    elif several:
        documents = [card.to_json() for card in cards]
        print_json({"true": all(card.true for card in cards), "cards": documents})
    else:
        print_json(cards[0].to_json())
