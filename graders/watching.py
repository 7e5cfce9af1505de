"""Watching: an author edits a check and sees at once what it says of a real cluster.

The attempt is the author's own and stays open, so that the next time there is nothing to wait for.
What is found is shown and forgotten: it is no learner's verdict and never reaches the ledger.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusters.binaries import ensure_binaries
from clusters.errors import InputInvalid, NotFound
from clusters.phases import OnPhase, ignore
from graders.attempts import Attempts
from graders.attempts.grading import grading_job
from graders.catalogue import lab_at
from graders.ledger import Attempt
from graders.lint.check_functions import tasks_of_file
from graders.lint.declared import declared_problems
from graders.rehearsal.steps import learner_environment, run_step
from graders.report import Report
from graders.runner import grade
from graders.solutions import solutions_of

POLL_SECONDS = 0.1
_SET_UP = ("manifests", "inventory.yaml", "notebook.ipynb")
"""Parts of a lab that a running attempt does not take up."""

Stamps = dict[Path, int]


@dataclass(frozen=True)
class Look:
    """What came of one change."""

    report: Report | None
    """What the checks say; None where the lab has problems."""
    problems: Sequence[str]
    """Of the lab; or that a new attempt is needed to see the change."""
    seconds: float
    """From noticing the change to the last verdict."""


class AuthorsAttempt:
    """An attempt of an author at a lab of theirs, and the lab as it is now."""

    def __init__(self, attempts: Attempts, folder: Path, author: str) -> None:
        """Work at the lab in `folder`.

        The folder beside which it lies becomes the folder of all labs in this process.
        """
        self._attempts = attempts
        self._folder = folder.resolve()
        self._author = author
        os.environ["ASSAY_LABS"] = str(self._folder.parent)
        self.lab = lab_at(str(self._folder))

    def open(
        self, seed: int | None = None, fresh: bool = False, on_phase: OnPhase = ignore
    ) -> Attempt:
        """Continue the author's attempt, or start one.

        Args:
            seed: draws the parameters of a new one.
            fresh: end the one that is open first.
            on_phase: who listens to progress.

        Raises:
            InputInvalid: the lab has problems.
            AssayError: it could not be started.
        """
        if fresh:
            self.finish()
        return self._attempts.start(self._author, self.lab.slug, seed=seed, on_phase=on_phase)

    def finish(self) -> None:
        """End the attempt and delete its cluster; where there is none nothing happens."""
        live = self._attempts.ledger.live_attempt(self._author, self.lab.slug)
        if live is not None:
            self._attempts.finish(live.id)

    def solve(self, attempt: Attempt, solution: str) -> None:
        """Do the steps of a solution, as a learner would.

        Raises:
            NotFound: the lab has no such solution.
            StepFailed: a step failed.
        """
        solutions = {found.name: found for found in solutions_of(self.lab)}
        if solution not in solutions:
            raise NotFound(
                f"{self.lab.slug} has no solution {solution!r}; it has {', '.join(solutions)}"
            )
        kubectl = ensure_binaries(["kubectl"])["kubectl"]
        with tempfile.TemporaryDirectory(prefix="assay-learner-") as home:
            kubeconfig = self._attempts.kubeconfig(attempt)
            environment = learner_environment(kubeconfig, kubectl, Path(home))
            for step in solutions[solution].steps:
                run_step(step, environment)

    def look(
        self, attempt: Attempt, changed: Sequence[Path] = (), only: Sequence[str] = ()
    ) -> Look:
        """Check what a change concerns.

        Args:
            attempt: the open attempt.
            changed: the files that changed; everything is checked where none did.
            only: ids of the tasks that are of interest; all of them when empty.
        """
        began = time.monotonic()
        try:
            self.lab = lab_at(str(self._folder))
            problems = [] if not changed else declared_problems(self.lab)
        except InputInvalid as error:
            return Look(None, error.problems, time.monotonic() - began)
        if problems:
            return Look(None, problems, time.monotonic() - began)
        hints = [_HINT] if any(_is_set_up(path, self._folder) for path in changed) else []
        tasks = self._tasks_of(changed)
        chosen = tuple(t for t in self.lab.task_ids if t in tasks and (not only or t in only))
        report = self._grade(attempt, chosen) if chosen else None
        return Look(report, hints, time.monotonic() - began)

    def _tasks_of(self, changed: Sequence[Path]) -> set[str]:
        tasks: set[str] = set()
        for path in changed:
            if path.parent != self._folder / "checks":
                if not _is_set_up(path, self._folder):
                    return set(self.lab.task_ids)
                continue
            found = tasks_of_file(path)
            if not found:  # a neighbour that the checks import, or a file that is gone
                return set(self.lab.task_ids)
            tasks |= found
        return tasks if changed else set(self.lab.task_ids)

    def _grade(self, attempt: Attempt, tasks: tuple[str, ...]) -> Report:
        cluster = self._attempts.provider.status(attempt.cluster)
        return grade(
            grading_job(self._attempts.ledger.attempt(attempt.id), self.lab, cluster, tasks)
        )


_HINT = "what is set up at the start shows in a new attempt: watch again with --fresh"


def changes(
    folder: Path, before: Stamps, again: Callable[[], bool] = lambda: False
) -> Iterator[list[Path]]:
    """Yield the files of a lab that changed, each time that some did; [] to look at all again.

    Args:
        folder: of the lab.
        before: the stamps of what was looked at last, taken before that look began.
        again: asked ten times a second whether everything is to be looked at.
    """
    while True:
        time.sleep(POLL_SECONDS)
        now = stamps(folder)
        changed = [path for path in {**before, **now} if before.get(path) != now.get(path)]
        before = now
        if changed or again():
            yield sorted(changed)


def stamps(folder: Path) -> Stamps:
    """Return when each file that makes up what a lab checks and sets up was changed."""
    found: Stamps = {}
    for path in [*folder.glob("*.*"), *folder.glob("checks/*.*"), *folder.glob("manifests/*.yaml")]:
        if path.name.startswith(".") or path.name.endswith("~"):
            continue  # of an editor
        try:
            found[path] = path.stat().st_mtime_ns
        except OSError:
            continue  # it is being replaced
    return found


def author_called(account: str) -> str:
    """Return the learner's name of an author; no account of the hub can be called so."""
    return f"{account} (author)"


def _is_set_up(path: Path, folder: Path) -> bool:
    return path.relative_to(folder).parts[0] in _SET_UP
