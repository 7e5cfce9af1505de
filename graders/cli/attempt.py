"""`assay attempt`: what the ledger knows about attempts, and whether it can be trusted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from clusters.cli.output import err, json_option, out, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from graders.bundles.store import EvidenceStore
from graders.bundles.verification import find_evidence_problems
from graders.cli.finding import SHOWN, find_attempt
from graders.cli.regrading import regrade
from graders.cli.statements import answer, appeal, appeals, override
from graders.ledger import Attempt, AttemptState, export_attempt, open_ledger
from graders.presentation import present_tasks
from graders.proctor.view import attempt_document


@click.group()
def attempt() -> None:
    """Look at the attempts in the ledger, and at what was said about their verdicts.

    \b
    assay attempt list --learner ann
    assay attempt show 3f0c91aa
    assay attempt export 3f0c91aa --to attempt.json
    assay attempt verify
    assay attempt regrade --lab dra-01-claim-a-gpu --reason "fix of the selector" --dry-run
    assay attempt appeals --open
    """


for _command in (regrade, override, appeal, appeals, answer):
    attempt.add_command(_command)


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
    found = find_attempt(ledger, id)
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
@click.option(
    "--evidence",
    type=click.Path(path_type=Path, file_okay=False),
    help="Copy the evidence bundles that the reports name into this folder.",
)
@json_option
def export(id: str, to: Path | None, evidence: Path | None, as_json: bool) -> None:
    """Print everything that the ledger has signed about an attempt, as one JSON document.

    It can be verified without this installation: it holds each report as it was signed, its link
    to the one before it, the signature, and the public key. A bundle of evidence proves itself:
    its SHA-256, uncompressed, is what the report names. It holds the attempt's seed, so it is for
    instructors and certifiers, not for learners.

    \b
    assay attempt export 3f0c91aa --to attempt.json
    assay attempt export 3f0c91aa --to attempt.json --evidence bundles
    """
    ledger = open_ledger()
    found = find_attempt(ledger, id)
    document = export_attempt(ledger, found.id)
    if evidence is not None:
        named = {report.evidence for report in ledger.reports(found.id) if report.evidence}
        EvidenceStore().copy(sorted(named), evidence)
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
    """Check that nothing in the ledger and of its evidence was changed or removed.

    Exit code: 0 nothing was; 1 something was.

    \b
    assay attempt verify
    """
    ledger = open_ledger()
    problems = [*ledger.verify(), *find_evidence_problems(ledger, EvidenceStore())]
    if as_json:
        print_json({"true": not problems, "problems": problems})
    else:
        for problem in problems:
            out.print(f"[red]✗[/] {escape(problem)}")
        if not problems:
            out.print("[green]✓[/] the ledger is as the proctor signed it")
    return EXIT_NO if problems else EXIT_DONE


def _table(attempts: Sequence[Attempt]) -> Table:
    table = Table("attempt", "learner", "lab", "state", "started", "assurance", box=None)
    for found in attempts:
        table.add_row(
            f"[bold]{found.id[:SHOWN]}[/]",
            escape(found.learner),
            found.lab,
            found.state,
            found.started_at,
            found.assurance,
        )
    return table
