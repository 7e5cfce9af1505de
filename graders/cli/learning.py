"""`assay lab start|check|extend|appeal|finish`: a learner at a terminal, with or without a hub."""

from __future__ import annotations

import getpass
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.markup import escape

from clusters.cli.options import provider_option
from clusters.cli.output import err, json_option, out, phase_printer, print_json
from clusters.errors import EXIT_DONE, EXIT_NO, EXIT_PLATFORM, NotFound
from clusters.home import home
from clusters.provider import provider_named
from graders.catalogue import find_lab
from graders.ledger import LIVE_STATES, Attempt, open_ledger
from graders.presentation import present_report
from graders.remote import RemoteAttempt
from graders.report import CheckResult, Outcome, Report

if TYPE_CHECKING:
    from graders.attempts import Attempts

learner_option = click.option(
    "--learner",
    default=getpass.getuser,
    show_default="your account",
    help="Who works; only where there is no hub to say it.",
)


@click.command()
@click.argument("slug")
@learner_option
@click.option(
    "--notebook",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the notebook; a file that exists is kept.",
)
@click.option("--seed", type=int, hidden=True, help="Draws the parameters; for tests.")
@provider_option
@json_option
def start(
    slug: str,
    learner: str,
    notebook: Path | None,
    seed: int | None,
    provider_name: str,
    as_json: bool,
) -> None:
    """Start a lab, or continue where you were.

    You get a Kubernetes cluster of your own and a notebook.

    \b
    assay lab start dra-01-claim-a-gpu
    export KUBECONFIG=$(assay lab start dra-01-claim-a-gpu --json | jq -r .kubeconfig)
    """
    from graders.attempts import Attempts  # brings the Kubernetes client

    if here := RemoteAttempt.of_environment(os.environ):
        raise click.UsageError(f"this terminal belongs to attempt {here.id}, which is started")
    attempts = Attempts(open_ledger(), provider_named(provider_name))
    attempts.tidy()
    attempt = attempts.start(learner, slug, seed=seed, on_phase=phase_printer(as_json))
    kubeconfig = attempts.kubeconfig(attempt)
    path = _write_notebook(notebook or _notebook_place(attempt), attempts.notebook(attempt))
    if as_json:
        places = {"kubeconfig": str(kubeconfig), "notebook": str(path)}
        print_json({**attempt.to_json(), **places})
    else:
        _print_start(attempt, kubeconfig, path)


@click.command()
@click.argument("slug", required=False)
@click.option("--task", "tasks", multiple=True, help="Id of a task; all of them when left out.")
@learner_option
@provider_option
@json_option
def check(
    slug: str | None, tasks: tuple[str, ...], learner: str, provider_name: str, as_json: bool
) -> int:
    """Check the tasks of the lab that you are working at.

    Exit code: 0 every checked task is done; 1 one is not; 3 one could not be checked.

    \b
    assay lab check
    assay lab check dra-01-claim-a-gpu --task claim-devices
    assay lab check --json | jq '.results[] | {task, outcome}'
    """
    asked = list(tasks) or None
    listener = _Listener(quiet=as_json)
    if remote := RemoteAttempt.of_environment(os.environ):
        titles = {task["id"]: task["title"] for task in remote.show()["tasks"]}
        report = remote.check(asked, listener.told)
    else:
        attempts, attempt = local_attempt(slug, learner, provider_name)
        report = attempts.check(attempt.id, asked, listener.told)
        titles = {task.id: task.title for task in find_lab(attempt.lab).tasks}
    _print_report(report, titles, as_json)
    return exit_code_of(report)


@click.command()
@click.argument("slug", required=False)
@learner_option
@provider_option
@json_option
def finish(slug: str | None, learner: str, provider_name: str, as_json: bool) -> None:
    """Finish your attempt: its cluster is deleted, what you reached stays.

    \b
    assay lab finish
    assay lab finish dra-01-claim-a-gpu
    """
    if remote := RemoteAttempt.of_environment(os.environ):
        document = remote.finish()
    else:
        attempts, attempt = local_attempt(slug, learner, provider_name)
        document = attempts.finish(attempt.id).to_json()
    if as_json:
        print_json(document)
    else:
        out.print(f"Your attempt at [bold]{document['lab']}[/] is {document['state']}.")


@click.command()
@click.argument("slug", required=False)
@learner_option
@provider_option
@json_option
def extend(slug: str | None, learner: str, provider_name: str, as_json: bool) -> None:
    """Give your attempt more time, by the minutes of its lab; twice at most.

    
    assay lab extend
    assay lab extend dra-01-claim-a-gpu
    """
    if remote := RemoteAttempt.of_environment(os.environ):
        document = remote.extend()
    else:
        attempts, attempt = local_attempt(slug, learner, provider_name)
        document = attempts.extend(attempt.id).to_json()
    if as_json:
        print_json(document)
    else:
        until = _spoken(document["deadline_at"])
        out.print(f"Your attempt at [bold]{document['lab']}[/] is open until {until} UTC.")


@click.command()
@click.argument("task")
@click.argument("text")
@click.option("--lab", "slug", help="The lab, if you work at several.")
@learner_option
@provider_option
@json_option
def appeal(
    task: str, text: str, slug: str | None, learner: str, provider_name: str, as_json: bool
) -> None:
    """Object to the verdict on TASK; TEXT says why it is wrong.

    An instructor sees what you write together with everything that the check was told, and
    answers. A task has one unanswered objection at most.

    \b
    assay lab appeal claim-devices "Both devices are claimed, see kubectl get resourceclaims."
    """
    if remote := RemoteAttempt.of_environment(os.environ):
        document = remote.appeal(task, text)
    else:
        attempts, attempt = local_attempt(slug, learner, provider_name)
        if task not in find_lab(attempt.lab).task_ids:
            known = ", ".join(find_lab(attempt.lab).task_ids)
            raise NotFound(f"{attempt.lab} has no task {task!r}; it has {known}")
        document = attempts.ledger.add_appeal(attempt.id, task, text).to_json()
    if as_json:
        print_json(document)
    else:
        out.print("Your objection is with the instructors, together with what the check was told.")


def exit_code_of(report: Report) -> int:
    """Return 0 when everything passed, 1 when something failed, 3 when we could not look."""
    outcomes = {result.outcome for result in report.results}
    if Outcome.FAILED in outcomes:
        return EXIT_NO
    return EXIT_PLATFORM if Outcome.ERROR in outcomes else EXIT_DONE


class _Listener:
    """Shows on standard error that something goes on."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def told(self, result: CheckResult) -> None:
        if not self._quiet and err.is_terminal:
            err.print(f"[dim]  looked at {escape(result.task)}[/]")


def local_attempt(slug: str | None, learner: str, provider_name: str) -> tuple[Attempts, Attempt]:
    """Return the attempts of this installation, and the one that is meant.

    Raises:
        NotFound: there is none.
        UsageError: several are live and no lab is named.
    """
    from graders.attempts import Attempts  # brings the Kubernetes client

    attempts = Attempts(open_ledger(), provider_named(provider_name))
    return attempts, _choose(attempts.ledger.attempts(learner=learner), slug)


def _choose(own: Sequence[Attempt], slug: str | None) -> Attempt:
    """Return the attempt that is meant: a live one, else the newest at the named lab.

    Raises:
        NotFound: there is none.
        UsageError: several are live and no lab is named.
    """
    live = [a for a in own if a.state in LIVE_STATES and slug in (None, a.lab)]
    if len(live) > 1:
        labs = ", ".join(sorted(attempt.lab for attempt in live))
        raise click.UsageError(f"you work at several labs; name one of {labs}")
    ended = [attempt for attempt in own if attempt.lab == slug]
    if found := live or ended:
        return found[0]
    if slug is None:
        raise NotFound("you work at no lab; `assay lab list` shows them, `assay lab start` begins")
    find_lab(slug)
    raise NotFound(f"you have not started {slug}; begin with `assay lab start {slug}`")


def _notebook_place(attempt: Attempt) -> Path:
    return home() / "notebooks" / f"{attempt.lab}-{attempt.id[:8]}.ipynb"


def _write_notebook(path: Path, notebook: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path.absolute()


def _print_start(attempt: Attempt, kubeconfig: Path, notebook: Path) -> None:
    deadline = _spoken(attempt.deadline_at)
    out.print(f"[bold]{attempt.lab}[/] is open until {deadline} UTC. What to do is in the notebook")
    out.print(f"  {escape(str(notebook))}\n", style="cyan")
    out.print("Next, in this terminal:")
    out.print(f"  export KUBECONFIG={escape(str(kubeconfig))}", style="cyan")
    out.print("  kubectl get nodes", style="cyan")
    out.print(f"  assay lab check {attempt.lab}", style="cyan")
    out.print(f"  assay lab finish {attempt.lab}", style="cyan")


def _spoken(moment: str) -> str:
    return moment.replace("T", " ").removesuffix("Z")


def _print_report(report: Report, titles: Mapping[str, str], as_json: bool) -> None:
    if as_json:
        print_json(report.to_json())
    else:
        out.print(present_report(report, titles), soft_wrap=False)
