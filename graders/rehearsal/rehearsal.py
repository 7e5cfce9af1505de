"""Rehearsal of a lab: every planned run, a few at a time, and the report card of them."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from clusters.binaries import binaries_present, ensure_binaries
from clusters.errors import AssayError
from clusters.phases import OnPhase, ignore
from clusters.provider import Cluster, ClusterProvider, ClusterState
from graders.attempts.rules import require_capabilities
from graders.digests import lab_digest
from graders.forgeries import Work
from graders.formative.proof import try_solutions
from graders.lab import Lab
from graders.ledger.tables import timestamp
from graders.lint import lint_lab
from graders.rehearsal.forging import plan_forgeries
from graders.rehearsal.mutation.equivalents import NAME as EQUIVALENT
from graders.rehearsal.mutation.equivalents import Equivalents, read_equivalents
from graders.rehearsal.order import Conductor, OnRun
from graders.rehearsal.plan import PlannedRun, RunKind, chosen, plan_generated, plan_runs
from graders.rehearsal.report_card import ReportCard, RunResult
from graders.rehearsal.run import WORK_IS_READ, Stage
from graders.rehearsal.scene import Workshop, process_in_name

_OF_KUBERNETES = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_UNTOUCHED = RunKind.UNTOUCHED.value
_OWNER = "rehearsal:"
"""Owner of a rehearsal's clusters: this, the process id and when that process began."""


@dataclass(frozen=True)
class Scope:
    """How much of a rehearsal is wanted."""

    seeds: tuple[int, ...] = (1, 2)
    """Everything that the lab's files tell of is run for each of them."""
    only: tuple[str, ...] = ()
    """Kinds, names or tasks of runs; all of them when empty."""
    kubernetes: tuple[str, ...] = ("",)
    """Versions of Kubernetes; an empty one is that of learners."""
    repeat: int = 3
    """How many times the runs of the lab's files are graded."""
    seconds: float | None = None
    """No run is begun after this time."""
    at_once: int = 2
    """How many clusters are used at the same time."""


def rehearse(
    lab: Lab,
    provider: ClusterProvider,
    scope: Scope,
    *,
    on_run: OnRun = lambda result: None,
    on_phase: OnPhase = ignore,
) -> ReportCard:
    """Prove a lab on fresh clusters.

    Args:
        lab: the lab.
        provider: makes the clusters.
        scope: how much is wanted.
        on_run: told the result of each run, from this thread.
        on_phase: who listens while programs are fetched.

    Raises:
        CapabilityMissing: the lab needs more than the provider offers.
        InputInvalid: `mutants/equivalent.yaml` has problems.
        AssayError: the rehearsal could not begin.
    """
    began = time.monotonic()
    require_capabilities(lab, provider)
    equivalents = read_equivalents(lab)
    versions, skipped = _versions_here(scope.kubernetes)
    delete_leftovers(provider)
    kubectl = ensure_binaries(["kubectl"], on_phase)["kubectl"]
    workshop = Workshop(lab, provider, _owner_now(), kubectl)
    stage = Stage(workshop, threading.Event(), scope.repeat)
    deadline = None if scope.seconds is None else began + scope.seconds
    conductor = Conductor(stage.perform, scope.at_once, on_run, lambda: _interrupt(stage), deadline)
    try:
        results = _perform(stage, scope, versions, conductor, equivalents)
    finally:
        workshop.clear_up()
    practice, untried = ([], []) if scope.only else try_solutions(lab, scope.seeds[0])
    unused = _unused(equivalents, results, scope, conductor)
    problems = [*lint_lab(lab.folder), *practice, *unused]
    return ReportCard(
        lab=lab.slug,
        version=lab.version,
        digest=lab_digest(lab.folder),
        seeds=scope.seeds,
        provider=provider.name,
        assay=version("assay"),
        finished_at=timestamp(datetime.now(UTC)),
        runs=tuple(results),
        problems=tuple(problems),
        left_out=tuple(conductor.left_out),
        skipped=(*skipped, *untried),
        seconds=time.monotonic() - began,
    )


def delete_leftovers(provider: ClusterProvider) -> None:
    """Delete the clusters of rehearsals whose process is gone."""
    for cluster in provider.list():
        if is_leftover(cluster):
            provider.delete(cluster.name)


def _perform(
    stage: Stage,
    scope: Scope,
    versions: Sequence[str],
    conductor: Conductor,
    equivalents: Equivalents,
) -> list[RunResult]:
    lab = stage.workshop.lab
    authored = plan_runs(lab, scope.seeds, versions)
    forgeries = chosen(plan_forgeries(scope.seeds[0], versions[0]), scope.only)
    results = conductor.have_done(_first(authored, scope, forging=bool(forgeries)))
    stage.work_of_seed.update(_work(results))
    recorded = [
        (found.run, [mutant for one in found.recorded for mutant in one.mutants])
        for found in results
        if found.run.records
    ]
    generated = chosen(plan_generated(lab, recorded, equivalents), scope.only)
    return results + conductor.have_done([*forgeries, *generated])


def _first(authored: Sequence[PlannedRun], scope: Scope, *, forging: bool) -> list[PlannedRun]:
    """Return the runs that the files of the lab tell of, and those that later ones rest on."""
    first = chosen(authored, scope.only)
    told = {str(word) for run in authored for word in (run.kind, run.name)}
    generating = not scope.only or not set(scope.only) <= {*told, RunKind.FORGERY.value}
    for run in authored:
        copied = forging and run.kind in WORK_IS_READ and run.seed == scope.seeds[0]
        needed = (run.records and (generating or forging)) or (copied and run.name == _UNTOUCHED)
        if needed and run not in first:
            first.append(run)
    return first


def _work(results: Sequence[RunResult]) -> Iterator[tuple[int, Work]]:
    """Yield seed and what a solution of it left in the cluster, beyond the starting state."""
    before = {found.run.seed: found.work for found in results if found.run.name == _UNTOUCHED}
    for found in results:
        if found.run.records and found.work:
            yield found.run.seed, found.work.beyond(before.get(found.run.seed) or Work())


def _unused(
    equivalents: Equivalents, results: Sequence[RunResult], scope: Scope, conductor: Conductor
) -> list[str]:
    if scope.only or conductor.left_out:
        return []  # what is not known to exist may yet be generated
    names = [found.run.name for found in results]
    return [
        f"mutants/{EQUIVALENT}: {pattern}: no generated mutant is called so"
        for pattern in equivalents.unused(names)
    ]


def _versions_here(wanted: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the versions of Kubernetes that this host has, and why others are skipped."""
    found, skipped = [], []
    for name in wanted:
        if name and (missing := binaries_present(_OF_KUBERNETES, kubernetes=name)):
            skipped.append(
                f"Kubernetes {name}: {', '.join(missing)} is not in the cache; "
                f"`assay binaries fetch --kubernetes {name}` brings it"
            )
        else:
            found.append(name)
    return found, skipped


def _interrupt(stage: Stage) -> None:
    """Take away the clusters of the runs under way, so that their checks end at once."""
    stage.stop.set()
    provider, owner = stage.workshop.provider, stage.workshop.owner
    for cluster in provider.list():
        if cluster.owner == owner:
            with suppress(AssayError):
                provider.delete(cluster.name)


def _owner_now() -> str:
    return f"{_OWNER}{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_leftover(cluster: Cluster) -> bool:
    """Return whether a cluster belongs to a rehearsal whose process is gone.

    One that was killed before it could write down whose the cluster is left only the name.
    """
    if cluster.owner:
        return cluster.owner.startswith(_OWNER) and not is_alive(cluster.owner)
    maker = process_in_name(cluster.name)
    incomplete = cluster.state is ClusterState.INCOMPLETE
    return incomplete and maker is not None and not psutil.pid_exists(maker)


def is_alive(owner: str) -> bool:
    """Return whether the rehearsal that owns a cluster still runs; its id may be used again."""
    pid, _, began = owner.removeprefix(_OWNER).partition(":")
    try:
        return f"{psutil.Process(int(pid)).create_time():.2f}" == began
    except (ValueError, psutil.NoSuchProcess):
        return False
