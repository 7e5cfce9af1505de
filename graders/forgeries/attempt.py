"""Attempt a forgery: carry it out, have the grader look, undo it, and judge what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clusters.errors import AssayError
from graders.forgeries.forgery import Forgery
from graders.forgeries.intruder import intruder_at
from graders.forgeries.work import Work
from graders.report import CheckResult, Outcome, Report

Check = Callable[[], Report]


@dataclass(frozen=True)
class Scene:
    """Where a forgery is tried: a cluster in the forgery's state."""

    kubeconfig: Path
    """The learner's credential."""
    before: Mapping[str, Outcome]
    """What the grader found there without the forgery, by task."""
    work: Work = field(default_factory=Work)
    """What somebody who passed the same variant has in their cluster, beyond what is here."""


@dataclass(frozen=True)
class ForgeryResult:
    """What came of a forgery."""

    forgery: Forgery
    before: Mapping[str, Outcome]
    report: Report | None
    """None when it could not be carried out."""
    seconds: float
    problem: str = ""
    """Why it could not be carried out."""

    @property
    def surprises(self) -> list[str]:
        """What is not as it must be, one sentence each; none means that it gained nothing."""
        if self.problem or self.report is None:
            return [f"{self.forgery.name} could not be carried out: {self.problem}"]
        judged = (self._judge(result) for result in self.report.results)
        return [sentence for sentence in judged if sentence]

    def _judge(self, result: CheckResult) -> str:
        before = self.before.get(result.task, Outcome.FAILED)
        what = f"{result.task}, after {self.forgery.name}"
        match result.outcome:
            case Outcome.PASSED if before is not Outcome.PASSED:
                return f"{what}: passed, and nothing was done for it"
            case Outcome.ERROR if not names_cause(self.forgery, result):
                return f"{what}: the error does not name the cause: {result.message}"
            case Outcome.FAILED if before is Outcome.PASSED and not self.forgery.undoes_work:
                said = f"{result.message} ({result.expected}; {result.found})"
                return f"{what}: was done, and is called failed: {said}"
        return ""


def attempt_forgery(forgery: Forgery, scene: Scene, check: Check) -> ForgeryResult:
    """Carry a forgery out, check, and undo it. Whatever goes wrong is in the result.

    Args:
        forgery: one of `forgeries()`.
        scene: a cluster in the forgery's state.
        check: has the grader look at the cluster.
    """
    began = time.monotonic()
    report: Report | None = None
    problem = ""
    try:
        with intruder_at(scene.kubeconfig, scene.work) as intruder:
            forgery.carry_out(intruder)
            report = check()
    except AssayError as error:
        problem = str(error)
    except Exception as error:  # a forgery that is wrong ends itself, not the rehearsal
        problem = f"{type(error).__name__}: {error}"
    return ForgeryResult(forgery, scene.before, report, time.monotonic() - began, problem)


def names_cause(forgery: Forgery, result: CheckResult) -> bool:
    """Return whether an error says what kept the grader from looking."""
    return any(words.casefold() in result.message.casefold() for words in forgery.names)
