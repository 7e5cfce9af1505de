"""Lint of the solution steps and mutants: one for each task, executable, and bash."""

from __future__ import annotations

import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from clusters.errors import InputInvalid
from graders.lab import Lab
from graders.rehearsal.mutation.equivalents import read_equivalents
from graders.solutions import mutants_of, solutions_of, step_task


def solution_problems(lab: Lab) -> Iterator[str]:
    """Yield what is wrong with the steps of each solution."""
    for solution in solutions_of(lab):
        own = [step for step in solution.steps if step.parent == solution.folder]
        if not own:
            yield f"{solution.folder}: holds no step; write NN-<task>.sh for each task"
        for step in own:
            if step_task(step) not in lab.task_ids:
                yield f"{step}: must be called NN-<task>.sh, with a task of lab.yaml"
        steps = Counter(step_task(step) for step in solution.steps)
        for task in lab.task_ids:
            if own and steps[task] != 1:
                yield f"{solution.folder}: has {steps[task]} steps NN-{task}.sh; must be one"


def mutant_problems(lab: Lab) -> Iterator[str]:
    """Yield the tasks without a mutant, the mutants without a task, and wrong declarations."""
    mutants = mutants_of(lab)
    for mutant in mutants:
        if mutant.task not in lab.task_ids:
            yield f"{mutant.script}: its folder must be called like a task of lab.yaml"
    for task in lab.task_ids:
        if task not in [mutant.task for mutant in mutants]:
            yield (
                f"{lab.folder / 'mutants' / task}: has no mutant; write <what>.sh, a wrong step "
                "that must make exactly this task fail"
            )
    try:
        read_equivalents(lab)
    except InputInvalid as error:
        yield from error.problems


def script_problems(folder: Path) -> Iterator[str]:
    """Yield the scripts that cannot be executed or are not bash."""
    for script in sorted([*folder.glob("solution/*/*.sh"), *folder.glob("mutants/*/*.sh")]):
        if not os.access(script, os.X_OK):
            yield f"{script}: is not executable: chmod +x"
        if not script.read_bytes().startswith(b"#!"):
            yield f"{script}:1: must begin with #!/usr/bin/env bash"
        parsed = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
        for line in parsed.stderr.splitlines():
            yield f"{script}: is not bash: {line.removeprefix(f'{script}: ')}"
