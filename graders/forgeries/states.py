"""States: brings about what has been done in a cluster before a forgery is tried."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from graders.forgeries.connection import StepRefused
from graders.forgeries.forgery import State
from graders.forgeries.intruder import Intruder
from graders.forgeries.work import Work, as_new
from graders.lab import Lab
from graders.rehearsal.steps import StepFailed, run_step
from graders.solutions import Solution, mutants_of, solutions_of, step_task


def bring_about(state: State, lab: Lab, environment: Mapping[str, str], work: Work) -> None:
    """Do in an untouched cluster what a state consists of.

    Args:
        state: what is wanted.
        lab: the lab.
        environment: of the learner's terminal; names the kubeconfig.
        work: what somebody who passed has beyond the starting state.

    Raises:
        StepFailed: a step of the solution failed.
    """
    reference = solutions_of(lab)[0]
    match state:
        case State.DONE:
            for step in reference.steps:
                run_step(step, environment)
        case State.FLAWED:
            for step in _flawed(lab, reference):
                with suppress(StepFailed):  # a wrong step may fail
                    run_step(step, environment)
        case State.PAPERS:
            _copy(work.papers, Path(environment["KUBECONFIG"]))


def _flawed(lab: Lab, reference: Solution) -> list[Path]:
    """Return for each task the first of its mutants; a task without one is left undone."""
    wrong = {mutant.task: mutant.script for mutant in reversed(mutants_of(lab))}
    tasks = [step_task(step) for step in reference.steps]
    return [wrong[task] for task in tasks if task in wrong]


def _copy(papers: Work, kubeconfig: Path) -> None:
    intruder = Intruder(kubeconfig, papers)  # nothing is undone: this is to stay
    for document in papers.objects:
        with suppress(StepRefused):
            intruder.create(as_new(document))
