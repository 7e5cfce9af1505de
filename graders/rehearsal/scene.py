"""Scene: a cluster in which a run can begin, made anew or copied from one that was prepared."""

from __future__ import annotations

import os
import re
import secrets
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clusters.capability import Capability
from clusters.errors import AssayError
from clusters.provider import Cluster, ClusterProvider
from clusters.spec import ClusterSpec
from graders.baseline import record_baseline
from graders.lab import Lab
from graders.rehearsal.mutation.tap import Tap, tapped
from graders.rehearsal.plan import PlannedRun
from graders.rehearsal.steps import learner_environment, run_step
from graders.rendering import render_inventory, render_manifests
from graders.runner import GradingJob
from graders.starting_state import apply_starting_state
from graders.variant import draw_variant

_NAME = re.compile(r"rehearsal-(?P<process>\d+)-[0-9a-f]{8}")


def process_in_name(cluster: str) -> int | None:
    """Return the id of the process that a rehearsal's cluster is named after, if it is one."""
    match = _NAME.fullmatch(cluster)
    return int(match["process"]) if match else None


@dataclass(frozen=True)
class Scene:
    """A cluster of a lab, after its starting state."""

    cluster: Cluster
    lab: Lab
    seed: int
    baseline: Mapping[str, Any]

    def job(self) -> GradingJob:
        """Return what is needed to check every task."""
        cluster = self.cluster
        return GradingJob(
            lab=self.lab,
            attempt=f"rehearsal-{cluster.name}",
            learner="rehearsal",
            seed=self.seed,
            grader_kubeconfig=cluster.grader_kubeconfig,
            audit_log=cluster.audit_log,
            cluster_uid=cluster.uid,
            tasks=self.lab.task_ids,
            baseline=self.baseline,
            versions={"kubernetes": cluster.kubernetes, "provider": cluster.provider},
        )


@dataclass
class _Prototype:
    """What runs with the same steps have in common; prepared by the first that needs it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    scene: Scene | None = None
    problem: str = ""


@dataclass
class Workshop:
    """Makes the clusters of a rehearsal."""

    lab: Lab
    provider: ClusterProvider
    owner: str
    """Owner of the clusters; tells the next rehearsal whether this one is alive."""
    kubectl: Path
    _prototypes: dict[tuple[Any, ...], _Prototype] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def fresh(self, run: PlannedRun) -> Iterator[Scene]:
        """Make a new cluster for a run, and delete it afterwards."""
        name = _new_name()
        try:
            yield self._make(run, name)
        finally:
            self.provider.delete(name)

    @contextmanager
    def prepared(self, run: PlannedRun) -> Iterator[tuple[Scene, tuple[Path, ...]]]:
        """Make a cluster for a run, in which as many steps are done as others need as well.

        The steps that are not a mutant's own are done once, in a cluster that is then copied.

        Yields:
            The scene, and the steps that are still to be done.
        """
        prototype = self._prototype(run) if run.own and self._copies else None
        if prototype is None:
            with self.fresh(run) as scene:
                yield scene, run.steps
            return
        name = _new_name()
        try:
            cluster = self.provider.copy(prototype.cluster.name, self._spec(run, name))
            yield Scene(cluster, self.lab, run.seed, prototype.baseline), run.own
        finally:
            self.provider.delete(name)

    @property
    def _copies(self) -> bool:
        """Whether a copy is as good as a new cluster.

        In a copy the processes behind Pods begin anew, and what they remember is gone.
        """
        return self.provider.copies and Capability.NETWORKING not in self.lab.needs

    @contextmanager
    def terminal(self, scene: Scene, *, tap: bool) -> Iterator[tuple[dict[str, str], Tap | None]]:
        """Open a learner's terminal, behind a tap where somebody wants to hear what it sends."""
        with ExitStack() as stack:
            home, beside = (stack.enter_context(_folder()) for _ in range(2))
            own = scene.cluster.kubeconfig
            line = stack.enter_context(tapped(own, Path(beside))) if tap else None
            kubeconfig = line.kubeconfig if line else own
            yield learner_environment(kubeconfig, self.kubectl, Path(home)), line

    def clear_up(self) -> None:
        """Delete what was prepared."""
        for prototype in self._prototypes.values():
            if prototype.scene is not None:
                self.provider.delete(prototype.scene.cluster.name)

    def _make(self, run: PlannedRun, name: str) -> Scene:
        variant = draw_variant(self.lab.document.parameters, run.seed)
        cluster = self.provider.create(self._spec(run, name))
        apply_starting_state(cluster.platform_kubeconfig, render_manifests(self.lab, variant))
        return Scene(cluster, self.lab, run.seed, record_baseline(self.lab, variant, cluster))

    def _spec(self, run: PlannedRun, name: str) -> ClusterSpec:
        variant = draw_variant(self.lab.document.parameters, run.seed)
        inventory = render_inventory(self.lab, variant)
        return ClusterSpec(
            name,
            inventory,
            self.owner,
            run.kubernetes,
            capabilities=self.lab.needs - {Capability.SCHEDULING},
            addons=self.lab.document.addons,
        )

    def _prototype(self, run: PlannedRun) -> Scene | None:
        """Return the cluster in which the other steps are done; None where they cannot be."""
        with self._lock:
            key = (run.seed, run.kubernetes, run.others)
            prototype = self._prototypes.setdefault(key, _Prototype())
        with prototype.lock:
            if prototype.scene is None and not prototype.problem:
                try:
                    prototype.scene = self._prepare(run)
                except AssayError as error:  # a step may need the one that is missing
                    prototype.problem = str(error)
        return prototype.scene

    def _prepare(self, run: PlannedRun) -> Scene:
        name = _new_name()
        try:
            scene = self._make(run, name)
            with self.terminal(scene, tap=False) as (environment, _):
                for step in run.others:
                    run_step(step, environment)
        except BaseException:
            self.provider.delete(name)
            raise
        return scene


def _new_name() -> str:
    return f"rehearsal-{os.getpid()}-{secrets.token_hex(4)}"


def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="assay-learner-")
