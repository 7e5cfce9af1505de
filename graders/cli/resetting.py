"""`assay lab reset`: the cluster of an attempt is taken back to how it was."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.markup import escape
from rich.table import Table

from clusters.cli.options import provider_option
from clusters.cli.output import json_option, out, print_json
from graders.cli.learning import learner_option, local_attempt
from graders.remote import RemoteAttempt

Document = dict[str, Any]


@click.command()
@click.argument("slug", required=False)
@click.option("--to", "task", metavar="TASK", default="", help="To how it was before this task.")
@click.option("--list", "only_list", is_flag=True, help="Show where it can go back to; do nothing.")
@learner_option
@provider_option
@json_option
def reset(
    slug: str | None,
    task: str,
    only_list: bool,
    learner: str,
    provider_name: str,
    as_json: bool,
) -> None:
    """Take your cluster back to the start of the lab, or to before a task.

    What you did in the cluster since is undone, also what you broke. What you reached stays, and so
    does your notebook; the time goes on.

    \b
    assay lab reset
    assay lab reset --to share-a-device
    assay lab reset --list
    """
    if only_list:
        _show(_checkpoints(slug, learner, provider_name), as_json)
        return
    began = time.monotonic()
    document = {
        **_taken_back(slug, task, learner, provider_name),
        "seconds": round(time.monotonic() - began, 3),
    }
    if as_json:
        print_json(document)
    else:
        out.print(f"{escape(sentence(document))} It took {document['seconds']:.1f} s.")


def sentence(checkpoint: Mapping[str, Any]) -> str:
    """Say where a cluster was taken back to."""
    if not checkpoint["after"]:
        return "Your cluster is as it was at the start of the lab; what you reached stays."
    return (
        f"Your cluster is as it was right after {checkpoint['after']} was done, at "
        f"{spoken(checkpoint['taken_at'])}; what you reached stays."
    )


def spoken(moment: str) -> str:
    """Return a moment for people, by the second."""
    return f"{moment[:19].replace('T', ' ')} UTC"


def _taken_back(slug: str | None, task: str, learner: str, provider_name: str) -> Document:
    if remote := RemoteAttempt.of_environment(os.environ):
        return remote.reset(task)
    attempts, attempt = local_attempt(slug, learner, provider_name)
    return {"to": task, **attempts.reset(attempt.id, task).to_json()}


def _checkpoints(slug: str | None, learner: str, provider_name: str) -> list[Document]:
    if remote := RemoteAttempt.of_environment(os.environ):
        return remote.checkpoints()
    attempts, attempt = local_attempt(slug, learner, provider_name)
    found = attempts.checkpoints(attempt.id)
    return [{"to": to, **found[to].to_json()} for to in found]


def _show(checkpoints: Sequence[Document], as_json: bool) -> None:
    if as_json:
        print_json(list(checkpoints))
        return
    table = Table("assay lab reset", "leads to", "of", box=None)
    for found in checkpoints:
        option = f"--to {found['to']}" if found["to"] else ""
        after = f"right after {found['after']}" if found["after"] else "the start of the lab"
        table.add_row(option, after, spoken(found["taken_at"]))
    out.print(table)
