"""`assay attempt override|appeal|appeals|answer`: what people say about verdicts."""

from __future__ import annotations

import getpass

import click
from rich.table import Table
from rich.text import Text

from clusters.cli.output import json_option, out, print_json
from graders.cli.finding import SHOWN, find_attempt, require_task
from graders.ledger import AppealCase, Effect, open_ledger
from graders.presentation import plain

instructor_option = click.option(
    "--instructor",
    default=getpass.getuser,
    show_default="your account",
    help="Who decides; stands in what is signed.",
)


@click.command()
@click.argument("id")
@click.argument("task")
@click.option(
    "--as",
    "effect",
    required=True,
    type=click.Choice([effect.value for effect in Effect]),
    help="What holds from now on; `withdrawn` gives the decision back to the checks.",
)
@click.option("--reason", required=True, help="Why; the learner and every certifier read it.")
@instructor_option
@json_option
def override(id: str, task: str, effect: str, reason: str, instructor: str, as_json: bool) -> None:
    """Settle a task of an attempt by hand. No verdict is changed: it is shown as what it is.

    \b
    assay attempt override 3f0c91aa share-a-device --as passed --reason "the power failed"
    assay attempt override 3f0c91aa share-a-device --as withdrawn --reason "wrong learner"
    """
    ledger = open_ledger()
    attempt = find_attempt(ledger, id)
    require_task(ledger, attempt, task)
    made = ledger.add_override(
        attempt.id, task, Effect(effect), instructor=instructor, reason=reason
    )
    if as_json:
        print_json(made.to_json())
    else:
        out.print(plain(f"{task} of {attempt.learner}: {effect}, decided by {instructor}."))


@click.command()
@click.argument("id")
@click.argument("task")
@click.argument("text")
@json_option
def appeal(id: str, task: str, text: str, as_json: bool) -> None:
    """Object to the verdict on a task, for the learner of an attempt.

    The appeal goes to the instructors, with the evidence of the check.

    \b
    assay attempt appeal 3f0c91aa share-a-device "It runs: kubectl shows two containers."
    """
    ledger = open_ledger()
    attempt = find_attempt(ledger, id)
    require_task(ledger, attempt, task)
    case = ledger.add_appeal(attempt.id, task, text)
    if as_json:
        print_json(case.to_json())
    else:
        out.print(f"Appeal {case.appeal.id[:SHOWN]} waits for an instructor.")


@click.command()
@click.option("--lab", help="Only at this lab.")
@click.option("--learner", help="Only of this learner.")
@click.option("--open", "open_only", is_flag=True, help="Only those that wait for an answer.")
@json_option
def appeals(lab: str | None, learner: str | None, open_only: bool, as_json: bool) -> None:
    """Show appeals with their answers, the oldest first.

    \b
    assay attempt appeals --open
    """
    cases = open_ledger().appeals(lab=lab, learner=learner, open_only=open_only)
    if as_json:
        print_json([case.to_json() for case in cases])
    elif cases:
        out.print(_table(cases), soft_wrap=False)
    else:
        out.print("No appeals.")


@click.command()
@click.argument("appeal_id", metavar="APPEAL")
@click.argument("text")
@click.option("--accept/--reject", "accepted", required=True, help="Whether the learner is right.")
@instructor_option
@json_option
def answer(appeal_id: str, text: str, accepted: bool, instructor: str, as_json: bool) -> None:
    """Answer an appeal, once. What follows from it is a regrade or an override of its own.

    \b
    assay attempt answer 8b1d2c3e --accept "You are right, the check was too strict."
    assay attempt answer 8b1d2c3e --reject "The two containers do not share a device."
    """
    ledger = open_ledger()
    found = [c.appeal.id for c in ledger.appeals() if c.appeal.id.startswith(appeal_id)]
    chosen = found[0] if len(found) == 1 else appeal_id
    case = ledger.answer_appeal(chosen, instructor=instructor, accepted=accepted, text=text)
    if as_json:
        print_json(case.to_json())
    else:
        out.print(f"Answered: {'accepted' if accepted else 'rejected'}.")


def _table(cases: list[AppealCase]) -> Table:
    table = Table("appeal", "attempt", "learner", "task", "says", "answer", box=None)
    for appeal, answer in cases:
        said = Text("waits", style="yellow")
        if answer is not None:
            verdict = "accepted" if answer.accepted else "rejected"
            said = plain(f"{verdict} by {answer.instructor}: {answer.text}")
        table.add_row(
            plain(appeal.id[:SHOWN], "bold"),
            appeal.attempt[:SHOWN],
            plain(appeal.learner),
            appeal.task,
            plain(appeal.text),
            said,
        )
    return table
