"""Plan of a rehearsal: which runs prove a lab, and what each must find."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from graders.lab import Lab
from graders.report import Outcome
from graders.solutions import REFERENCE, mutants_of, solutions_of, with_mutant


class RunKind(StrEnum):
    """What is done in a run before everything is checked."""

    UNTOUCHED = "untouched"
    """Nothing: every task must fail."""
    SOLUTION = "solution"
    """A solution: every task must pass."""
    MUTANT = "mutant"
    """The reference with one wrong step: exactly its task must fail."""


@dataclass(frozen=True)
class PlannedRun:
    """One run: a fresh cluster, some steps, and a check of every task."""

    seed: int
    kind: RunKind
    name: str
    """`untouched`, the name of the solution, or `<task>/<what>`."""
    steps: tuple[Path, ...] = ()
    task: str = ""
    """The task that the mutant must make fail."""

    def expected(self, tasks: Iterable[str]) -> dict[str, Outcome]:
        """Return the outcome that each task must have."""
        return {task: self._expected(task) for task in tasks}

    def _expected(self, task: str) -> Outcome:
        fails = self.kind is RunKind.UNTOUCHED or task == self.task
        return Outcome.FAILED if fails else Outcome.PASSED


def plan_runs(lab: Lab, seeds: Iterable[int], only: Collection[str] = ()) -> list[PlannedRun]:
    """Return the runs that prove a lab.

    Args:
        lab: the lab.
        seeds: each gives a variant in which everything is run.
        only: kinds or names of runs; all of them when empty.
    """
    runs = [run for seed in seeds for run in _runs_of_one_seed(lab, seed)]
    return [run for run in runs if not only or {run.kind, run.name, run.task} & set(only)]


def _runs_of_one_seed(lab: Lab, seed: int) -> Iterator[PlannedRun]:
    yield PlannedRun(seed, RunKind.UNTOUCHED, RunKind.UNTOUCHED.value)
    solutions = solutions_of(lab)
    for solution in solutions:
        yield PlannedRun(seed, RunKind.SOLUTION, solution.name, solution.steps)
    reference = next(solution for solution in solutions if solution.name == REFERENCE)
    for mutant in mutants_of(lab):
        steps = with_mutant(reference, mutant)
        yield PlannedRun(seed, RunKind.MUTANT, mutant.name, steps, mutant.task)
