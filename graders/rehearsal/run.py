"""One run of a rehearsal: a fresh cluster, the steps, a check of every task, and nothing left."""

from __future__ import annotations

import os
import re
import secrets
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from clusters.errors import AssayError
from clusters.provider import Cluster, ClusterProvider
from clusters.spec import ClusterSpec
from graders.baseline import record_baseline
from graders.lab import Lab
from graders.rehearsal.plan import PlannedRun, RunKind
from graders.rehearsal.report_card import RunResult
from graders.rehearsal.steps import StepFailed, learner_environment, run_step
from graders.rendering import render_inventory, render_manifests
from graders.report import Report
from graders.runner import GradingJob, grade
from graders.starting_state import apply_starting_state
from graders.variant import Variant, draw_variant

_NAME = re.compile(r"rehearsal-(?P<process>\d+)-[0-9a-f]{8}")


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

    def perform(self, run: PlannedRun) -> RunResult:
        """Do one run on a cluster of its own. Whatever goes wrong is in the result."""
        began = time.monotonic()
        report: Report | None = None
        problem = ""
        name = f"rehearsal-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            self._go_on()
            report = self._rehearse(run, name)
        except AssayError as error:
            problem = str(error)
        finally:
            self.provider.delete(name)
        seconds = time.monotonic() - began
        return RunResult(run, self.lab.task_ids, report, seconds, problem)

    def _rehearse(self, run: PlannedRun, name: str) -> Report:
        variant = draw_variant(self.lab.document.parameters, run.seed)
        inventory = render_inventory(self.lab, variant)
        cluster = self.provider.create(ClusterSpec(name, inventory, self.owner))
        self._go_on()
        apply_starting_state(cluster.platform_kubeconfig, render_manifests(self.lab, variant))
        baseline = record_baseline(self.lab, variant, cluster)
        self._do_steps(run, cluster)
        self._go_on()
        return grade(self._job(cluster, variant, baseline))

    def _do_steps(self, run: PlannedRun, cluster: Cluster) -> None:
        with TemporaryDirectory(prefix="assay-learner-") as folder:
            environment = learner_environment(cluster.kubeconfig, self.kubectl, Path(folder))
            for step in run.steps:
                self._go_on()
                try:
                    run_step(step, environment)
                except StepFailed:
                    if run.kind is not RunKind.MUTANT:
                        raise  # a wrong step may fail, and others may need what it did not do

    def _job(self, cluster: Cluster, variant: Variant, baseline: dict[str, object]) -> GradingJob:
        return GradingJob(
            lab=self.lab,
            attempt=f"rehearsal-{cluster.name}",
            learner="rehearsal",
            seed=variant.seed,
            grader_kubeconfig=cluster.grader_kubeconfig,
            audit_log=cluster.audit_log,
            cluster_uid=cluster.uid,
            tasks=self.lab.task_ids,
            baseline=baseline,
            versions={"kubernetes": cluster.kubernetes, "provider": cluster.provider},
        )

    def _go_on(self) -> None:
        if self.stop.is_set():
            raise Stopped("the rehearsal was interrupted")
