"""`assay lab watch`: edit a check, see what it says of a real cluster."""

from __future__ import annotations

import getpass
import select
import signal
import sys
import time
from pathlib import Path

import click
from rich.markup import escape

from clusters.cli.options import provider_option
from clusters.cli.output import err, json_option, out, phase_printer, print_json
from clusters.errors import EXIT_DONE
from clusters.provider import provider_named
from graders.catalogue import lab_folder_at
from graders.cli.learning import exit_code_of
from graders.ledger import Attempt, open_ledger
from graders.presentation import present_report
from graders.watching import AuthorsAttempt, Look, author_called, changes, stamps


@click.command()
@click.argument("lab", metavar="SLUG|DIR")
@click.option("--task", "tasks", multiple=True, help="Id of a task; all of them when left out.")
@click.option("--seed", type=int, help="Draws the parameters of a new attempt.")
@click.option("--fresh", is_flag=True, help="Begin a new attempt, with the lab as it is now.")
@click.option("--solve", metavar="NAME", help="First do the steps of this solution.")
@click.option("--once", is_flag=True, help="Check once and end; --json does too.")
@click.option("--finish", is_flag=True, help="Delete the cluster at the end.")
@provider_option
@json_option
def watch(
    lab: str,
    tasks: tuple[str, ...],
    seed: int | None,
    fresh: bool,
    solve: str | None,
    once: bool,
    finish: bool,
    provider_name: str,
    as_json: bool,
) -> int:
    """Edit checks and see at once what they say of a real cluster.

    Each time you save a file of the lab, the tasks it is about are checked; Enter checks all of
    them. The cluster stays open for the next time, and nothing is recorded of what is found.

    Exit code: 0 stopped by Ctrl-C; with --once as `assay lab check`.

    \b
    assay lab watch gpu-quotas
    assay lab watch gpu-quotas --solve reference --task run-replicas
    assay lab watch ~/my-labs/gpu-quotas --once --json
    """
    from graders.attempts import Attempts  # brings the Kubernetes client

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    attempts = Attempts(open_ledger(), provider_named(provider_name))
    attempts.tidy()
    own = AuthorsAttempt(attempts, lab_folder_at(lab), author_called(getpass.getuser()))
    try:
        attempt = own.open(seed, fresh, phase_printer(as_json))
        if solve:
            own.solve(attempt, solve)
        if once or as_json:
            return _look_once(own, attempt, tasks, as_json)
        _print_where(own, attempt, attempts.kubeconfig(attempt))
        _watch(own, attempt, tasks, lab_folder_at(lab))
    except KeyboardInterrupt:
        pass  # the usual end
    finally:
        if finish:
            own.finish()
    return EXIT_DONE


def _look_once(own: AuthorsAttempt, attempt: Attempt, tasks: tuple[str, ...], as_json: bool) -> int:
    look = own.look(attempt, only=tasks)
    if look.report is None:
        raise click.UsageError(f"{own.lab.slug} has none of these tasks: {', '.join(tasks)}")
    if as_json:
        print_json(look.report.to_json())
    else:
        _print_look(own, look, [])
    return exit_code_of(look.report)


def _watch(own: AuthorsAttempt, attempt: Attempt, tasks: tuple[str, ...], folder: Path) -> None:
    folder = folder.resolve()
    before = stamps(folder)
    _print_look(own, own.look(attempt, only=tasks), [])
    for changed in changes(folder, before, _enter_pressed):
        _print_look(own, own.look(attempt, changed, tasks), changed)


def _enter_pressed() -> bool:
    if not sys.stdin.isatty() or not select.select([sys.stdin], [], [], 0)[0]:
        return False
    return bool(sys.stdin.readline())


def _print_where(own: AuthorsAttempt, attempt: Attempt, kubeconfig: Path) -> None:
    err.print(f"Watching [bold]{own.lab.slug}[/]. Save a file, or press Enter; Ctrl-C ends it.")
    err.print(f"  export KUBECONFIG={escape(str(kubeconfig))}", style="cyan")


def _print_look(own: AuthorsAttempt, look: Look, changed: list[Path]) -> None:
    names = ", ".join(path.name for path in changed) or own.lab.slug
    out.print(
        f"[bold]{time.strftime('%H:%M:%S')}  {escape(names)}[/]  [dim]{look.seconds:.2f} s[/]"
    )
    for problem in look.problems:
        out.print(f"[yellow]![/] {escape(problem.replace(f'{Path.cwd()}/', ''))}")
    if look.report is not None:
        titles = {task.id: f"{task.title} ({task.id})" for task in own.lab.tasks}
        out.print(present_report(look.report, titles), soft_wrap=False)
