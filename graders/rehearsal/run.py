"""One run of a rehearsal: a fresh cluster, the steps, a check of every task, and nothing left."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from clusters.errors import AssayError
from clusters.provider import Cluster, ClusterProvider
from clusters.spec import ClusterSpec
from graders.baseline import record_baseline
from graders.lab import Lab
from graders.rehearsal.mutation.session import Recording, Sabotage
from graders.rehearsal.mutation.tap import Tap, tapped
from graders.rehearsal.plan import AUTHORED, PlannedRun, RunKind
from graders.rehearsal.report_card import Recorded, RunResult
from graders.rehearsal.steps import STEP_SECONDS, StepFailed, learner_environment, run_step
from graders.rendering import render_inventory, render_manifests
from graders.report import Report
from graders.runner import GradingJob, grade
from graders.solutions import step_task
from graders.starting_state import apply_starting_state
from graders.variant import Variant, draw_variant

_NAME = re.compile(r"rehearsal-(?P<process>\d+)-[0-9a-f]{8}")
_PATIENCE = 2.0
"""A sabotaged step may take this many times as long as it takes rightly ..."""
_MORE_SECONDS = 5.0
"""... and this much: it may wait for what will never be."""


def process_in_name(cluster: str) -> int | None:
    """Return the id of the process that a rehearsal's cluster is named after, if it is one."""
    match = _NAME.fullmatch(cluster)
    return int(match["process"]) if match else None


class Stopped(AssayError):
    """The rehearsal was interrupted."""


@dataclass(frozen=True)
class Stage:
    """What all runs of a rehearsal share."""

    lab: Lab
    provider: ClusterProvider
    owner: str
    """Owner of the clusters; tells the next rehearsal whether this one is alive."""
    kubectl: Path
    stop: threading.Event
    """Set when the runs are to end."""
    repeat: int = 1
    """How many times an authored run is graded: its verdicts must always be the same."""
    step_seconds: dict[Path, float] = field(default_factory=dict)
    """How long steps took that were done rightly; grows with the runs."""

    def perform(self, run: PlannedRun) -> RunResult:
        """Do one run on a cluster of its own. Whatever goes wrong is in the result."""
        began = time.monotonic()
        result = RunResult(run, self.lab.task_ids)
        name = f"rehearsal-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            self.go_on()
            _Performance(self, run, result).take_place(name)
        except AssayError as error:
            result.problem = str(error)
        finally:
            self.provider.delete(name)
        result.seconds = time.monotonic() - began
        return result

    def go_on(self) -> None:
        """Raise Stopped when the runs are to end."""
        if self.stop.is_set():
            raise Stopped("the rehearsal was interrupted")


class _Performance:
    """One run under way."""

    def __init__(self, stage: Stage, run: PlannedRun, result: RunResult) -> None:
        self._stage = stage
        self._run = run
        self._result = result

    def take_place(self, name: str) -> None:
        lab, run = self._stage.lab, self._run
        variant = draw_variant(lab.document.parameters, run.seed)
        spec = ClusterSpec(name, render_inventory(lab, variant), self._stage.owner, run.kubernetes)
        cluster = self._stage.provider.create(spec)
        self._stage.go_on()
        apply_starting_state(cluster.platform_kubeconfig, render_manifests(lab, variant))
        baseline = record_baseline(lab, variant, cluster)
        job = self._job(cluster, variant, baseline)
        with self._terminal(cluster) as (environment, tap):
            self._do_steps(environment, tap)
            self._result.reports = self._grade(job)
            if run.is_late:
                self._do_step(run.steps[-1], environment)
                self._result.afterwards = grade(job)

    @contextmanager
    def _terminal(self, cluster: Cluster) -> Iterator[tuple[Mapping[str, str], Tap | None]]:
        """Open a learner's terminal, behind a tap where somebody wants to hear what it sends."""
        with ExitStack() as stack:
            home, own = (Path(stack.enter_context(_folder())) for _ in range(2))
            tap = None
            if self._run.records or self._run.mutant is not None:
                tap = stack.enter_context(tapped(cluster.kubeconfig, own))
            kubeconfig = tap.kubeconfig if tap else cluster.kubeconfig
            yield learner_environment(kubeconfig, self._stage.kubectl, home), tap

    def _do_steps(self, environment: Mapping[str, str], tap: Tap | None) -> None:
        steps = self._run.steps[:-1] if self._run.is_late else self._run.steps
        for step in steps:
            self._stage.go_on()
            if tap is None:
                self._do_step(step, environment)
            elif self._run.mutant is None:
                self._record(step, environment, tap)
            elif step_task(step) == self._run.task:
                self._sabotage(step, environment, tap)
            else:
                self._do_step(step, environment)

    def _do_step(self, step: Path, environment: Mapping[str, str]) -> None:
        began = time.monotonic()
        try:
            run_step(step, environment)
        except StepFailed:
            if self._run.kind not in (RunKind.MUTANT, RunKind.GENERATED):
                raise  # a wrong step may fail, and others may need what it did not do
        took = time.monotonic() - began
        self._stage.step_seconds[step] = max(took, self._stage.step_seconds.get(step, 0.0))

    def _record(self, step: Path, environment: Mapping[str, str], tap: Tap) -> None:
        recording = Recording(tap.upstream, step_task(step))
        with tap.hearing(recording):
            self._do_step(step, environment)
        self._result.recorded.append(Recorded(recording.mutants, recording.refused))

    def _sabotage(self, step: Path, environment: Mapping[str, str], tap: Tap) -> None:
        assert self._run.mutant is not None
        sabotage = Sabotage(tap.upstream, self._run.mutant)
        rightly = self._stage.step_seconds.get(step, STEP_SECONDS)
        limit = min(rightly * _PATIENCE + _MORE_SECONDS, STEP_SECONDS)
        with tap.hearing(sabotage):
            try:
                run_step(step, environment, limit)
            except StepFailed:
                pass  # it may have noticed
        problems = [sabotage.problem, *sabotage.undo()]
        self._result.void = "; ".join(problem for problem in problems if problem)

    def _grade(self, job: GradingJob) -> list[Report]:
        self._stage.go_on()
        times = self._stage.repeat if self._run.kind in AUTHORED else 1
        return [grade(job) for _ in range(times)]

    def _job(self, cluster: Cluster, variant: Variant, baseline: dict[str, object]) -> GradingJob:
        return GradingJob(
            lab=self._stage.lab,
            attempt=f"rehearsal-{cluster.name}",
            learner="rehearsal",
            seed=variant.seed,
            grader_kubeconfig=cluster.grader_kubeconfig,
            audit_log=cluster.audit_log,
            cluster_uid=cluster.uid,
            tasks=self._stage.lab.task_ids,
            baseline=baseline,
            versions={"kubernetes": cluster.kubernetes, "provider": cluster.provider},
        )


def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="assay-learner-")
