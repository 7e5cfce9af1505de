"""What a lab's notebook can do by itself: `%check`, `%tasks` and `%finish`.

The workspace's IPython profile loads this extension into every kernel.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.display import display

from clusters.errors import AssayError
from hub.task_table import Notice, TaskTable, rows_of_attempt, rows_of_check, summary

if TYPE_CHECKING:
    from hub.attempt_client import AttemptClient

Task = dict[str, Any]


@magics_class
class LabMagics(Magics):
    """The magics of a lab's notebook."""

    @line_magic
    def check(self, line: str) -> None:
        """Check tasks of this lab: `%check` all of them, `%check TASK...` some.

        ✓ done; ✗ not yet, with what was expected, what was found and where to look; ! could not
        be checked, which is our fault and costs nothing.
        """
        _shown(lambda client: _check(client, line.split()))

    @line_magic
    def tasks(self, line: str) -> None:
        """Show the tasks of this lab and how far they are."""
        _shown(lambda client: display(_table_of(client, client.attempt()["tasks"])))

    @line_magic
    def finish(self, line: str) -> None:
        """End this attempt: `%finish yes`. The cluster is removed; the verdicts stay."""
        if line.strip() != "yes":
            display(Notice("this removes your cluster and ends the attempt; if sure: %finish yes"))
            return
        _shown(_finish)


def load_ipython_extension(shell: Any) -> None:
    """Add the magics to a kernel."""
    shell.register_magics(LabMagics)


def _shown(act: Any) -> None:
    """Do something with this notebook's attempt; whatever stands in the way is one sentence."""
    from hub.attempt_client import AttemptClient  # httpx costs a kernel's start 0.2 s

    try:
        act(AttemptClient.from_environment(os.environ))
    except AssayError as error:
        display(Notice(str(error)))


def _check(client: AttemptClient, asked: list[str]) -> None:
    from hub.attempt_client import ConnectionLost

    before = client.attempt()
    _require_known(before["tasks"], asked)
    results: dict[str, Any] = {}
    shown = display(TaskTable(rows_of_check(before["tasks"], asked, results)), display_id=True)
    try:
        for line in client.check(asked):
            if "result" in line:
                results[line["result"]["task"]] = line["result"]
                shown.update(TaskTable(rows_of_check(before["tasks"], asked, results)))
    except ConnectionLost as lost:
        _recover(client, before, shown, lost)
        return
    except AssayError as error:
        shown.update(Notice(str(error)))
        return
    tasks = client.attempt()["tasks"]
    shown.update(_with_footer(client, tasks, rows_of_check(tasks, asked, results)))


def _recover(client: AttemptClient, before: Task, shown: Any, lost: AssayError) -> None:
    """Find out whether the check was counted before the proctor went away."""
    now = client.wait_for_return()
    if now["reports"] > before["reports"]:
        shown.update(_table_of(client, now["tasks"]))
    else:
        shown.update(Notice(str(lost)))


def _finish(client: AttemptClient) -> None:
    client.finish()
    display(
        Notice(
            "the attempt is finished and its cluster is being removed. This notebook closes; your "
            f"file stays. Results: {client.lab_page}"
        )
    )


def _require_known(tasks: list[Task], asked: list[str]) -> None:
    known = [task["id"] for task in tasks]
    if unknown := [name for name in asked if name not in known]:
        raise AssayError(f"there is no task {unknown[0]!r}; this lab has {', '.join(known)}")


def _table_of(client: AttemptClient, tasks: list[Task]) -> TaskTable:
    return _with_footer(client, tasks, rows_of_attempt(tasks))


def _with_footer(client: AttemptClient, tasks: list[Task], rows: tuple[Any, ...]) -> TaskTable:
    link = client.lab_page if all(task["done"] for task in tasks) else ""
    return TaskTable(rows, summary(tasks), link)
