"""Plan of a rehearsal: which runs prove a lab, and what each must find."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from graders.lab import Lab
from graders.rehearsal.mutation.equivalents import Equivalents
from graders.rehearsal.mutation.mutant import GeneratedMutant, Operator
from graders.report import Outcome
from graders.solutions import REFERENCE, mutants_of, solutions_of, step_task, with_mutant
from graders.variant import draw_variant


class RunKind(StrEnum):
    """What is done in a run before everything is checked."""

    UNTOUCHED = "untouched"
    """Nothing: every task must fail."""
    SOLUTION = "solution"
    """A solution: every task must pass."""
    MUTANT = "mutant"
    """The reference with one wrong step: exactly its task must fail."""
    GENERATED = "generated"
    """The reference, of which one thing is made wrong: exactly its task must fail."""
    FORGERY = "forgery"
    """Something that only looks like work: no task may pass for it."""


AUTHORED = frozenset({RunKind.UNTOUCHED, RunKind.SOLUTION, RunKind.MUTANT})
"""Kinds whose runs are told by the files of the lab; a card without one of them is none."""


@dataclass(frozen=True)
class PlannedRun:
    """One run: a fresh cluster, some steps, and a check of every task."""

    seed: int
    kind: RunKind
    name: str
    """`untouched`, the name of the solution, `<task>/<what>`, or the name of the forgery."""
    steps: tuple[Path, ...] = ()
    task: str = ""
    """The task that the mutant must make fail."""
    own: tuple[Path, ...] = ()
    """Of a mutant: the steps that are wrong; the others are the reference's."""
    kubernetes: str = ""
    """Version of Kubernetes; empty means the one that learners have."""
    mutant: GeneratedMutant | None = None
    equivalent: str = ""
    """Why the generated mutant is right, in the words of the lab's author."""
    forgeries: tuple[str, ...] = ()
    """Names of the forgeries that are tried one after the other."""
    records: bool = field(default=False, compare=False)
    """Whether mutants are derived from what the steps do."""

    @property
    def is_late(self) -> bool:
        """Whether the step of the task is done after the first check."""
        return self.mutant is not None and self.mutant.operator is Operator.LATE

    @property
    def others(self) -> tuple[Path, ...]:
        """The steps that are done rightly."""
        return tuple(step for step in self.steps if step not in self.own)

    def expected(self, tasks: Iterable[str]) -> dict[str, Outcome]:
        """Return the outcome that each task must have."""
        return {task: self._expected(task) for task in tasks}

    def _expected(self, task: str) -> Outcome:
        wrong = task == self.task and not self.equivalent
        fails = self.kind is RunKind.UNTOUCHED or wrong
        return Outcome.FAILED if fails else Outcome.PASSED


def plan_runs(
    lab: Lab, seeds: Iterable[int], kubernetes: Iterable[str] = ("",)
) -> list[PlannedRun]:
    """Return the runs that the files of a lab tell of.

    Args:
        lab: the lab.
        seeds: each gives a variant in which everything is run.
        kubernetes: versions; the first one is also that of generated mutants.
    """
    versions, all_seeds = list(kubernetes), list(seeds)
    return [
        run
        for version in versions
        for seed in all_seeds
        for run in _authored_runs(lab, seed, version, records=version == versions[0])
    ]


def plan_generated(
    lab: Lab,
    recorded: Iterable[tuple[PlannedRun, Iterable[GeneratedMutant]]],
    equivalents: Equivalents,
) -> list[PlannedRun]:
    """Return a run for each generated mutant.

    Tasks and variants take turns: all mutants of a task are tried in one variant. Operators take
    turns as well, so that a rehearsal that is cut short has tried something of everything.

    Args:
        lab: the lab.
        recorded: the recorded reference of each seed, and the mutants derived from it.
        equivalents: what the author declares to be right.
    """
    by_seed = [(run, _by_name(mutants, lab, run.seed)) for run, mutants in recorded]
    names = dict.fromkeys(name for _, mutants in by_seed for name in mutants)
    runs = []
    for name in names:
        having = [(run, mutants[name]) for run, mutants in by_seed if name in mutants]
        run, mutant = having[lab.task_ids.index(name.partition("/")[0]) % len(having)]
        runs.append(_generated_run(run, name, mutant, equivalents.reason(name)))
    return _in_turns(runs)


def chosen(runs: Iterable[PlannedRun], only: Collection[str]) -> list[PlannedRun]:
    """Return the runs of the kinds, names or tasks in `only`; all of them when it is empty."""
    return [run for run in runs if not only or {run.kind, run.name, run.task} & set(only)]


def _authored_runs(lab: Lab, seed: int, version: str, records: bool) -> Iterator[PlannedRun]:
    reference, *others = solutions_of(lab)
    solution, mutant = RunKind.SOLUTION, RunKind.MUTANT
    yield PlannedRun(
        seed, solution, REFERENCE, reference.steps, kubernetes=version, records=records
    )
    yield PlannedRun(seed, RunKind.UNTOUCHED, RunKind.UNTOUCHED.value, kubernetes=version)
    for other in others:
        yield PlannedRun(seed, solution, other.name, other.steps, kubernetes=version)
    for wrong in mutants_of(lab):
        steps = with_mutant(reference, wrong)
        yield PlannedRun(seed, mutant, wrong.name, steps, wrong.task, (wrong.script,), version)


def _by_name(mutants: Iterable[GeneratedMutant], lab: Lab, seed: int) -> dict[str, GeneratedMutant]:
    """Return mutants by names in which drawn words stand as `{parameter}`, as for every seed."""
    parameters = lab.document.parameters
    drawn = draw_variant(parameters, seed)
    words = {str(drawn[name]): f"{{{name}}}" for name, spec in parameters.items() if spec.word}

    def spoken(name: str) -> str:
        for word, instead in words.items():
            name = name.replace(word, instead)
        return name

    return {spoken(mutant.name): mutant for mutant in mutants}


def _generated_run(
    run: PlannedRun, name: str, mutant: GeneratedMutant, equivalent: str
) -> PlannedRun:
    own = tuple(step for step in run.steps if step_task(step) == mutant.task)
    kind, version = RunKind.GENERATED, run.kubernetes
    task, steps = mutant.task, run.steps
    return PlannedRun(run.seed, kind, name, steps, task, own, version, mutant, equivalent)


def _in_turns(runs: list[PlannedRun]) -> list[PlannedRun]:
    """Return the runs so that the tasks and operators take turns."""
    seen: dict[tuple[str, object], int] = {}
    turns = []
    for run in runs:
        key = (run.task, run.mutant.operator if run.mutant else None)
        seen[key] = seen.get(key, 0) + 1
        turns.append((seen[key], run))
    return [run for _, run in sorted(turns, key=lambda turn: turn[0])]
