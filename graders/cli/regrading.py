"""`assay attempt regrade`: judge stored checks anew by today's lab."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.table import Table
from rich.text import Text

from clusters.cli.output import err, json_option, out, print_json
from clusters.errors import EXIT_DONE, EXIT_NO
from graders.bundles.store import EvidenceStore
from graders.catalogue import find_lab
from graders.cli.finding import SHOWN, find_attempt
from graders.ledger import open_ledger
from graders.presentation import mark, plain
from graders.regrade import Change, Choice, Regraded
from graders.regrade import regrade as regrade_checks

_EVERY = 100
"""Progress is told after so many checks."""


@click.command()
@click.option("--lab", "slug", required=True, help="The lab whose checks were mended.")
@click.option(
    "--since",
    default="",
    help="Only checks made by this version of the lab or later, or on this date or later.",
)
@click.option("--attempt", "attempt_id", default="", help="Only of this attempt.")
@click.option("--task", "tasks", multiple=True, help="Only this task; may be given several times.")
@click.option("--reason", required=True, help="Why; learners read it beside the new verdict.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and write nothing.")
@click.option("--judges", default=0, type=click.IntRange(0, 256), help="Processes to use.")
@json_option
def regrade(
    slug: str,
    since: str,
    attempt_id: str,
    tasks: tuple[str, ...],
    reason: str,
    dry_run: bool,
    judges: int,
    as_json: bool,
) -> int:
    """Judge earlier checks anew by the lab as it is now, on their evidence, without a cluster.

    Where a verdict is another one now, a new report is written beside the old one. Where the
    evidence lacks what a check asks for, the verdict stays and the table says what is lacking.
    Killed on the way, it can be run again.

    Exit code: 0 every verdict could be judged anew; 1 some could not.

    \b
    assay attempt regrade --lab dra-01-claim-a-gpu --reason "fix of the selector" --dry-run
    assay attempt regrade --lab dra-01-claim-a-gpu --reason "fix of the selector" --since 1.2.0
    assay attempt regrade --lab dra-01-claim-a-gpu --reason "appeal" --attempt 3f0c91aa --task share
    """
    ledger = open_ledger()
    attempt = find_attempt(ledger, attempt_id).id if attempt_id else ""
    choice = Choice(find_lab(slug), since=since, attempt=attempt, tasks=tasks)

    def tell(so_far: Regraded) -> None:
        if not as_json and so_far.checks % _EVERY == 0:
            err.print(f"[dim]  {so_far.checks} checks, {len(so_far.changes)} verdicts differ[/]")

    done = regrade_checks(
        ledger,
        EvidenceStore(),
        choice,
        reason,
        dry_run=dry_run,
        judges=judges,
        on_progress=tell,
    )
    if as_json:
        print_json(done.to_json())
    else:
        _show(done)
    return EXIT_NO if done.lacking else EXIT_DONE


def _show(done: Regraded) -> None:
    if done.changes:
        out.print(_table(done.changes), soft_wrap=False)
    for change in done.lacking:
        out.print(
            Text("! ", style="yellow"),
            plain(f"{change.report.attempt[:SHOWN]} {change.after.task} stays"),
            mark(change.before.outcome),
            plain(change.after.message),
        )
    verb = "would change" if done.dry_run else "changed"
    out.print(
        f"{done.checks} checks judged anew: {len(done.changes)} verdicts {verb}, "
        f"{done.unchanged} stay, {len(done.lacking)} could not be judged. "
        f"{done.already} checks were judged by this lab before, "
        f"{done.without_evidence} have no evidence."
    )


def _table(changes: Sequence[Change]) -> Table:
    table = Table("attempt", "learner", "checked", "task", "was", "is", "now it says", box=None)
    for change in changes:
        table.add_row(
            change.report.attempt[:SHOWN],
            plain(change.report.learner),
            change.report.finished_at,
            change.after.task,
            mark(change.before.outcome),
            mark(change.after.outcome),
            plain(change.after.message),
        )
    return table
