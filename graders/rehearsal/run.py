"""One run of a rehearsal: a cluster of its own, the steps, a check of every task, nothing left."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clusters.errors import AssayError
from graders.forgeries import Work, read_work
from graders.rehearsal.forging import try_forgeries
from graders.rehearsal.mutation.session import Recording, Sabotage
from graders.rehearsal.mutation.tap import Tap
from graders.rehearsal.plan import AUTHORED, PlannedRun, RunKind
from graders.rehearsal.report_card import Recorded, RunResult
from graders.rehearsal.scene import Scene, Workshop
from graders.rehearsal.steps import STEP_SECONDS, StepFailed, run_step
from graders.report import Report
from graders.runner import GradingJob, grade
from graders.solutions import step_task

_IDLE_SECONDS = 3.0
"""A sabotaged step that asks for nothing so long, beyond the time that it takes rightly, waits for
what will never be."""

WORK_IS_READ = (RunKind.UNTOUCHED, RunKind.SOLUTION)
"""Kinds of runs after which is read what is in the cluster."""


class Stopped(AssayError):
    """The rehearsal was interrupted."""


@dataclass(frozen=True)
class Stage:
    """What all runs of a rehearsal share."""

    workshop: Workshop
    stop: threading.Event
    """Set when the runs are to end."""
    repeat: int = 1
    """How many times an authored run is graded: its verdicts must always be the same."""
    step_seconds: dict[Path, float] = field(default_factory=dict)
    """How long steps took at least that were done rightly."""
    work_of_seed: dict[int, Work] = field(default_factory=dict)
    """What somebody who passed has beyond the starting state."""

    def perform(self, run: PlannedRun) -> RunResult:
        """Do one run on a cluster of its own. Whatever goes wrong is in the result."""
        began = time.monotonic()
        result = RunResult(run, self.workshop.lab.task_ids)
        try:
            self.go_on()
            with self.workshop.prepared(run) as (scene, steps):
                self.go_on()
                _Performance(self, run, result, scene).take_place(steps)
        except AssayError as error:
            result.problem = str(error)
        result.seconds = time.monotonic() - began
        return result

    def go_on(self) -> None:
        """Raise Stopped when the runs are to end."""
        if self.stop.is_set():
            raise Stopped("the rehearsal was interrupted")


class _Performance:
    """One run under way."""

    def __init__(self, stage: Stage, run: PlannedRun, result: RunResult, scene: Scene) -> None:
        self._stage = stage
        self._run = run
        self._result = result
        self._scene = scene

    def take_place(self, steps: Sequence[Path]) -> None:
        """Do what the run is about."""
        if self._run.kind is RunKind.FORGERY:
            self._forge()
        else:
            self._do_and_check(steps)

    def _forge(self) -> None:
        work = self._stage.work_of_seed.get(self._run.seed, Work())
        with self._stage.workshop.terminal(self._scene, tap=False) as (environment, _):
            for found in try_forgeries(self._run, self._scene, environment, work):
                self._stage.go_on()
                if isinstance(found, Report):
                    self._result.reports = [found]
                else:
                    self._result.forged.append(found)

    def _do_and_check(self, steps: Sequence[Path]) -> None:
        run, job = self._run, self._scene.job()
        late = run.own if run.is_late else ()
        needs_tap = run.records or run.mutant is not None
        with self._stage.workshop.terminal(self._scene, tap=needs_tap) as (environment, tap):
            for step in steps:
                if step not in late:
                    self._stage.go_on()
                    self._do_in_its_way(step, environment, tap)
            self._result.reports = self._grade(job)
            if run.kind in WORK_IS_READ:
                self._result.work = read_work(self._scene.cluster.kubeconfig)
            for step in late:
                self._do(step, environment)
                self._result.afterwards = grade(job)

    def _do_in_its_way(self, step: Path, environment: Mapping[str, str], tap: Tap | None) -> None:
        if tap is not None and self._run.mutant is None:
            self._record(step, environment, tap)
        elif tap is not None and step in self._run.own:
            self._sabotage(step, environment, tap)
        else:
            self._do(step, environment)

    def _do(self, step: Path, environment: Mapping[str, str]) -> None:
        began = time.monotonic()
        try:
            run_step(step, environment)
        except StepFailed:
            if self._run.kind not in (RunKind.MUTANT, RunKind.GENERATED):
                raise  # a wrong step may fail, and others may need what it did not do
        took = time.monotonic() - began
        self._stage.step_seconds[step] = min(took, self._stage.step_seconds.get(step, took))

    def _record(self, step: Path, environment: Mapping[str, str], tap: Tap) -> None:
        recording = Recording(tap.upstream, step_task(step))
        with tap.hearing(recording):
            self._do(step, environment)
        self._result.recorded.append(Recorded(recording.mutants, recording.refused))

    def _sabotage(self, step: Path, environment: Mapping[str, str], tap: Tap) -> None:
        assert self._run.mutant is not None
        sabotage = Sabotage(tap.upstream, self._run.mutant)
        idle = self._stage.step_seconds.get(step, STEP_SECONDS) + _IDLE_SECONDS
        with tap.hearing(sabotage):
            try:
                run_step(step, environment, is_over=lambda: sabotage.is_done(idle))
            except StepFailed:
                pass  # it may have noticed
        problems = [sabotage.problem, *sabotage.undo()]
        self._result.void = "; ".join(problem for problem in problems if problem)

    def _grade(self, job: GradingJob) -> list[Report]:
        self._stage.go_on()
        times = self._stage.repeat if self._run.kind in AUTHORED else 1
        return [grade(job) for _ in range(times)]
