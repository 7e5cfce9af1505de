"""What a lab's notebook can do by itself: `%check`, `%tasks`, `%reset` and more.

The workspace's IPython profile loads this extension into every kernel.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from IPython.core.magic import Magics, line_magic, magics_class
from IPython.core.magics import NamespaceMagics
from IPython.display import display

from clusters.errors import AssayError
from hub.following import Following
from hub.formative_magics import FormativeMagics
from hub.task_table import Notice, Row, TaskTable, rows_of_attempt, rows_of_check, summary

if TYPE_CHECKING:
    from graders.remote import RemoteAttempt
    from graders.report import CheckResult

RESTARTED = "the grader restarted; nothing was counted; run %check again"
RESTART_PATIENCE = 30.0
"""Seconds a proctor that went away in the middle of a check has to come back."""
_NOT_A_LAB = "this works in a lab's notebook: start the lab from its page, then open its notebook"
_HOW_TO_APPEAL = 'say which task, and why its verdict is wrong: %appeal TASK "why it is wrong"'
_OWN_RESET = "-"
"""An argument that begins so is meant for IPython's own %reset, which forgets variables."""
_SURE = "this removes your cluster and ends the attempt; if that is what you want: %finish yes"

Task = dict[str, Any]

_following = Following()
"""Of this kernel."""


@magics_class
class LabMagics(Magics):
    """The magics of a lab's notebook."""

    @line_magic
    def check(self, line: str) -> None:
        """Check tasks of this lab: `%check` all of them, `%check TASK...` some.

        The newest table changes by itself when you do or undo what a task asks for.

        ✓ done; ✗ not yet, with what was expected, what was found and where to look; ! could not
        be checked, which is our fault and costs nothing.
        """
        _shown(lambda lab: lab.check(line.split()))

    @line_magic
    def tasks(self, line: str) -> None:
        """Show the tasks of this lab and how far they are."""
        _shown(lambda lab: lab.tasks())

    @line_magic
    def appeal(self, line: str) -> None:
        """Object to the verdict on a task: `%appeal TASK "why it is wrong"`.

        An instructor sees what you write with everything that the check was told, and answers on
        the lab's page.
        """
        task, _, text = line.strip().partition(" ")
        _shown(lambda lab: lab.appeal(task, unquoted(text)))

    @line_magic
    def extend(self, line: str) -> None:
        """Give this attempt more time, by the minutes of its lab; twice at most."""
        _shown(lambda lab: lab.extend())

    @line_magic
    def reset(self, line: str) -> None:
        """Take your cluster back: `%reset yes` to the start of the lab, `%reset TASK` to before it.

        What you did in the cluster since is undone; what you reached stays, and so does this
        notebook. `%reset` alone shows where it can go back to.

        With an option (`%reset -f`) it is IPython's own, which forgets your variables.
        """
        if line.strip().startswith(_OWN_RESET):
            NamespaceMagics(self.shell).reset(line)
        else:
            _shown(lambda lab: lab.reset(line.strip()))

    @line_magic
    def finish(self, line: str) -> None:
        """End this attempt: `%finish yes`. The cluster is removed; the verdicts stay."""
        if line.strip() == "yes":
            _shown(lambda lab: lab.finish())
        else:
            display(Notice(_SURE))


def load_ipython_extension(shell: Any) -> None:
    """Add the magics to a kernel."""
    shell.register_magics(LabMagics, FormativeMagics)


@dataclass(frozen=True)
class NotebookLab:
    """The lab of this notebook, and how it is shown here."""

    attempt: RemoteAttempt
    page: str
    """Address of the lab's page."""

    def check(self, asked: Sequence[str]) -> None:
        """Check tasks, all of them when none is named, and show each result as it is found."""
        before = self.attempt.show()
        _require_known(before["tasks"], asked)
        _following.let_go()
        results: dict[str, Task] = {}
        shown = display(TaskTable(rows_of_check(before["tasks"], asked, results)), display_id=True)

        def on_result(result: CheckResult) -> None:
            results[result.task] = result.model_dump(mode="json")
            shown.update(TaskTable(rows_of_check(before["tasks"], asked, results)))

        try:
            self.attempt.check(list(asked) or None, on_result)
            tasks = self.attempt.show()["tasks"]
            shown.update(self.table(tasks, rows_of_check(tasks, asked, results)))
            self._keep_up_to_date(shown, asked)
        except AssayError as error:
            shown.update(self._what_became_of(before, error))

    def table(self, tasks: Sequence[Task], rows: tuple[Row, ...] | None = None) -> TaskTable:
        """Return the table of these rows, of every task without rows, with its footer."""
        link = self.page if all(task["done"] for task in tasks) else ""
        return TaskTable(rows_of_attempt(tasks) if rows is None else rows, summary(tasks), link)

    def appeal(self, task: str, text: str) -> None:
        """Object to the verdict on a task."""
        _require_known(self.attempt.show()["tasks"], [task] if task else [])
        if not text:
            raise AssayError(_HOW_TO_APPEAL)
        self.attempt.appeal(task, text)
        display(
            Notice(
                "your objection is with the instructors, together with what the check was told; "
                f"their answer appears on the lab's page: {self.page}"
            )
        )

    def tasks(self) -> None:
        """Show every task and how far it is."""
        tasks = self.attempt.show()["tasks"]
        self._keep_up_to_date(display(self.table(tasks), display_id=True), ())

    def _keep_up_to_date(self, shown: Any, asked: Sequence[str]) -> None:
        """Let the display of some tasks, or of all, change with the attempt."""

        def draw(tasks: Sequence[Task]) -> TaskTable:
            rows = rows_of_attempt([t for t in tasks if not asked or t["id"] in asked])
            return self.table(tasks, rows)

        _following.show(self.attempt, shown, draw)

    def extend(self) -> None:
        """Give the attempt more time."""
        ends = self.attempt.extend()["deadline_at"].replace("T", " ").removesuffix("Z")
        display(Notice(f"you have more time: this attempt is open until {ends} UTC"))

    def reset(self, to: str) -> None:
        """Take the cluster back, or show where it can go back to."""
        if not to:
            display(Notice(_ways_back(self.attempt.checkpoints())))
            return
        display(Notice("your cluster is being taken back …"), display_id="assay-reset")
        try:
            found = self.attempt.reset("" if to == "yes" else to)
            said = f"{_where(found)}; what you reached stays"
        except AssayError as error:
            said = str(error)
        display(Notice(said), display_id="assay-reset", update=True)

    def finish(self) -> None:
        """End the attempt."""
        _following.let_go()
        self.attempt.finish()
        display(
            Notice(
                "the attempt is finished and its cluster is being removed. This notebook closes; "
                f"your file stays. Results: {self.page}"
            )
        )

    def _what_became_of(self, before: Task, error: AssayError) -> TaskTable | Notice:
        """Return what to show instead of a report that did not come."""
        from graders.remote import ConnectionLost

        if not isinstance(error, ConnectionLost):
            return Notice(str(error))
        now = self._wait_for_return()
        if now is None:
            return Notice(str(error))
        counted = now["reports"] > before["reports"]
        return self.table(now["tasks"]) if counted else Notice(RESTARTED)

    def _wait_for_return(self) -> Task | None:
        from graders.remote import ProctorUnreachable

        deadline = time.monotonic() + RESTART_PATIENCE
        while time.monotonic() < deadline:
            try:
                return self.attempt.show()
            except ProctorUnreachable:
                time.sleep(0.5)
        return None


def _ways_back(checkpoints: Sequence[Task]) -> str:
    """Return what can be typed, and where each leads."""
    ways = [
        f"%reset {found['to'] or 'yes'}: {_moment_of(found)}, {found['taken_at'][11:16]} UTC"
        for found in checkpoints
    ]
    return "what you did in your cluster since is undone. " + "; ".join(ways)


def _where(checkpoint: Task) -> str:
    return f"your cluster is as it was at {_moment_of(checkpoint)}"


def _moment_of(checkpoint: Task) -> str:
    after = checkpoint["after"]
    return f"the moment when {after} was done" if after else "the start of the lab"


def unquoted(text: str) -> str:
    """Return what somebody wrote, without the quotes around it."""
    said = text.strip()
    whole = len(said) > 1 and said[0] == said[-1] and said[0] in "\"'"
    return said[1:-1].strip() if whole else said


def _shown(act: Callable[[NotebookLab], object]) -> None:
    """Do something with this notebook's lab; whatever stands in the way is shown in a sentence."""
    from graders.remote import RemoteAttempt  # its HTTP client would slow down every kernel's start

    attempt = RemoteAttempt.of_environment(os.environ)
    if attempt is None:
        display(Notice(_NOT_A_LAB))
        return
    site, lab = os.environ.get("ASSAY_SITE_URL", "/"), os.environ.get("ASSAY_LAB", "")
    try:
        act(NotebookLab(attempt, f"{site}labs/{lab}"))
    except AssayError as error:
        display(Notice(str(error)))


def _require_known(tasks: Sequence[Task], asked: Sequence[str]) -> None:
    known = [task["id"] for task in tasks]
    if unknown := [name for name in asked if name not in known]:
        raise AssayError(f"there is no task {unknown[0]!r}; this lab has {', '.join(known)}")
