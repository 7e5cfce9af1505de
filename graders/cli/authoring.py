"""`assay lab new|lint|rehearse`: for the authors of labs."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape
from rich.table import Table

from clusters.cli.cluster import provider_option
from clusters.cli.output import err, json_option, out, phase_printer, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from clusters.provider import provider_named
from graders.authoring import new_lab
from graders.catalogue import all_labs, lab_at, lab_folder_at, labs_folder
from graders.lint import lint_lab

if TYPE_CHECKING:
    from graders.rehearsal import ReportCard, RunResult

all_option = click.option("--all", "everything", is_flag=True, help="Every lab in ASSAY_LABS.")


@click.command()
@click.argument("slug")
@click.option("--title", help="What people call it; by default made of the slug.")
@click.option(
    "--to",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder in which the lab's folder is made; by default that of all labs.",
)
@json_option
def new(slug: str, title: str | None, to: Path | None, as_json: bool) -> None:
    """Make a lab folder: complete, small, and ready to be changed.

    It passes `lint` and `rehearse` as it is. See docs/authoring.md.

    \b
    assay lab new gpu-quotas --title "Share GPUs by quota"
    assay lab new gpu-quotas --to ~/my-labs
    """
    name = title or slug.replace("-", " ").capitalize()
    folder = new_lab(slug, name, to or labs_folder())
    if as_json:
        print_json({"lab": slug, "folder": str(folder)})
        return
    argument = folder if to else slug
    out.print(f"The lab [bold]{slug}[/] is in {escape(str(folder))}. Next:")
    out.print(f"  assay lab lint {argument}", style="cyan")
    out.print(f"  assay lab rehearse {argument}", style="cyan")


@click.command()
@click.argument("labs", nargs=-1, metavar="[SLUG|DIR]...")
@all_option
@json_option
def lint(labs: tuple[str, ...], everything: bool, as_json: bool) -> int:
    """Say everything that is wrong with labs, without starting a cluster.

    Exit code: 0 nothing is wrong; 1 something is.

    \b
    assay lab lint --all
    assay lab lint dra-01-claim-a-gpu
    assay lab lint ~/my-labs/gpu-quotas --json
    """
    problems = {folder: lint_lab(folder) for folder in _folders(labs, everything)}
    wrong = any(problems.values())
    if as_json:
        lines = [_lint_document(folder, found) for folder, found in problems.items()]
        print_json({"true": not wrong, "labs": lines})
    else:
        for folder, found in problems.items():
            _print_problems(folder.resolve().name, found)
    return EXIT_NO if wrong else EXIT_DONE


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

    chosen = [lab_at(str(folder)) for folder in _folders(labs, everything)]
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


def _folders(labs: Sequence[str], everything: bool) -> list[Path]:
    if bool(labs) == everything:
        raise click.UsageError("name labs by slug or folder, or give --all")
    if not everything:
        return [lab_folder_at(name) for name in labs]
    return [found.folder for found in all_labs()]


def _lint_document(folder: Path, problems: Sequence[str]) -> dict[str, Any]:
    return {"lab": folder.resolve().name, "folder": str(folder), "problems": list(problems)}


def _print_problems(slug: str, problems: Sequence[str]) -> None:
    if not problems:
        out.print(f"[green]✓[/] {escape(slug)}")
    for problem in problems:
        out.print(f"[red]✗[/] {escape(problem.replace(f'{Path.cwd()}/', ''))}")


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
