"""`assay attempt`: what the ledger knows about attempts, and whether it can be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from clusters.cli.output import err, json_option, out, print_json
from clusters.errors import EXIT_DONE, EXIT_NO, NotFound
from graders.ledger import Attempt, AttemptState, Ledger, export_attempt, open_ledger
from graders.presentation import present_tasks
from graders.proctor.view import attempt_document

_SHOWN = 8
"""Characters of an id in a table; any beginning that is unique names an attempt."""


@click.group()
def attempt() -> None:
    """Look at the attempts in the ledger.

    \b
    assay attempt list --learner ann
    assay attempt show 3f0c91aa
    assay attempt export 3f0c91aa --to attempt.json
    assay attempt verify
    """


@attempt.command(name="list")
@click.option("--learner", help="Only of this learner.")
@click.option("--lab", help="Only at this lab.")
@click.option(
    "--state",
    type=click.Choice([state.value for state in AttemptState]),
    help="Only in this state.",
)
@json_option
def list_attempts(learner: str | None, lab: str | None, state: str | None, as_json: bool) -> None:
    """Show attempts, the newest first.

    \b
    assay attempt list
    assay attempt list --state open --json
    """
    states = None if state is None else [AttemptState(state)]
    found = open_ledger().attempts(learner=learner, lab=lab, states=states)
    if as_json:
        print_json([entry.to_json() for entry in found])
    elif found:
        out.print(_table(found), soft_wrap=False)
    else:
        out.print("No attempts. Start one with `assay lab start`.")


@attempt.command()
@click.argument("id")
@json_option
def show(id: str, as_json: bool) -> None:
    """Show an attempt and how far each of its tasks is.

    \b
    assay attempt show 3f0c91aa
    """
    ledger = open_ledger()
    found = _find(ledger, id)
    document = attempt_document(ledger, found)
    if as_json:
        print_json(document)
        return
    out.print(_table([found]), soft_wrap=False)
    if found.problem:
        err.print(f"[red]{escape(found.problem)}[/]")
    out.print(present_tasks(document["tasks"]), soft_wrap=False)


@attempt.command()
@click.argument("id")
@click.option(
    "--to",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the document into this file instead of printing it.",
)
@json_option
def export(id: str, to: Path | None, as_json: bool) -> None:
    """Print everything that the ledger has signed about an attempt, as one JSON document.

    It can be verified without this installation: it holds each report as it was signed, its link
    to the one before it, the signature, and the public key.

    \b
    assay attempt export 3f0c91aa --to attempt.json
    """
    ledger = open_ledger()
    document = export_attempt(ledger, _find(ledger, id).id)
    if to is None:
        print_json(document)
        return
    to.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    if as_json:
        print_json({"attempt": document["attempt"]["id"], "file": str(to)})
    else:
        out.print(f"Attempt {escape(id)} is in {escape(str(to))}.")


@attempt.command()
@json_option
def verify(as_json: bool) -> int:
    """Check that nothing in the ledger was changed or removed.

    Exit code: 0 nothing was; 1 something was.

    \b
    assay attempt verify
    """
    problems = open_ledger().verify()
    if as_json:
        print_json({"true": not problems, "problems": problems})
    else:
        for problem in problems:
            out.print(f"[red]✗[/] {escape(problem)}")
        if not problems:
            out.print("[green]✓[/] the ledger is as the proctor signed it")
    return EXIT_NO if problems else EXIT_DONE


def _find(ledger: Ledger, id: str) -> Attempt:
    """Return the attempt with this id, or the only one whose id begins so.

    Raises:
        NotFound: there is none, or there are several.
    """
    found = [entry for entry in ledger.attempts() if entry.id.startswith(id)]
    if len(found) > 1:
        raise NotFound(f"{len(found)} attempts begin with {id!r}; give more of the id")
    return found[0] if found else ledger.attempt(id)


def _table(attempts: Sequence[Attempt]) -> Table:
    table = Table("attempt", "learner", "lab", "state", "started", "assurance", box=None)
    for found in attempts:
        table.add_row(
            f"[bold]{found.id[:_SHOWN]}[/]",
            escape(found.learner),
            found.lab,
            found.state,
            found.started_at,
            found.assurance,
        )
    return table
