"""Solutions and mutants: the scripts that prove a lab."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from graders.lab import Lab

REFERENCE = "reference"
"""Name of the solution whose steps a mutant replaces."""
_STEP = re.compile(r"\d+-(?P<task>.+)\.sh")


@dataclass(frozen=True)
class Solution:
    """One way to do every task of a lab."""

    name: str
    folder: Path
    steps: tuple[Path, ...]
    """Scripts `NN-<task>.sh` in their order, one for each task."""


@dataclass(frozen=True)
class Mutant:
    """A wrong step: with it in place of the right one, exactly its task must fail."""

    task: str
    """Id of the task."""
    script: Path

    @property
    def name(self) -> str:
        """`<task>/<what>`."""
        return f"{self.task}/{self.script.stem}"


def solutions_of(lab: Lab) -> list[Solution]:
    """Return the solutions of a lab, the reference first.

    An alternative may leave steps out; then those of the reference are taken.
    """
    parent = lab.folder / "solution"
    names = sorted(p.name for p in parent.glob("[!._]*") if p.is_dir() and p.name != REFERENCE)
    reference = _steps(parent / REFERENCE)
    return [
        Solution(REFERENCE, parent / REFERENCE, reference),
        *(Solution(n, parent / n, _completed(_steps(parent / n), reference)) for n in names),
    ]


def mutants_of(lab: Lab) -> list[Mutant]:
    """Return the mutants of a lab in the order of their names."""
    scripts = sorted((lab.folder / "mutants").glob("*/*.sh"))
    return [Mutant(script.parent.name, script) for script in scripts]


def _steps(folder: Path) -> tuple[Path, ...]:
    return tuple(sorted(folder.glob("*.sh")))


def _completed(steps: tuple[Path, ...], reference: tuple[Path, ...]) -> tuple[Path, ...]:
    done = {step_task(step) for step in steps}
    rest = [step for step in reference if step_task(step) not in done]
    return tuple(sorted([*steps, *rest], key=lambda step: step.name))


def step_task(step: Path) -> str:
    """Return the id of the task that a step does; empty when its name does not say."""
    match = _STEP.fullmatch(step.name)
    return match["task"] if match else ""


def with_mutant(reference: Solution, mutant: Mutant) -> tuple[Path, ...]:
    """Return the steps of the reference with the mutant in place of its task's step."""
    return tuple(
        mutant.script if step_task(step) == mutant.task else step for step in reference.steps
    )
