"""Rehearsal of a lab: every planned run, two at a time, and the report card of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version

import psutil

from clusters.binaries import ensure_binaries
from clusters.errors import AssayError
from clusters.phases import OnPhase, ignore
from clusters.provider import Cluster, ClusterProvider, ClusterState
from graders.attempts.rules import require_capabilities
from graders.lab import Lab
from graders.ledger.tables import timestamp
from graders.lint import lint_lab
from graders.rehearsal.digest import lab_digest
from graders.rehearsal.plan import PlannedRun, plan_runs
from graders.rehearsal.report_card import ReportCard, RunResult
from graders.rehearsal.run import Stage, process_in_name

_OWNER = "rehearsal:"
"""Owner of a rehearsal's clusters: this, the process id and when that process began."""

OnRun = Callable[[RunResult], None]


def rehearse(
    lab: Lab,
    provider: ClusterProvider,
    seeds: Sequence[int],
    *,
    only: Collection[str] = (),
    at_once: int = 2,
    on_run: OnRun = lambda result: None,
    on_phase: OnPhase = ignore,
) -> ReportCard:
    """Prove a lab on fresh clusters.

    Args:
        lab: the lab.
        provider: makes the clusters.
        seeds: everything is run for each of them.
        only: kinds or names of runs; all of them when empty.
        at_once: how many clusters are used at the same time.
        on_run: told the result of each run, from this thread.
        on_phase: who listens while programs are fetched.

    Raises:
        CapabilityMissing: the lab needs more than the provider offers.
        AssayError: the rehearsal could not begin.
    """
    require_capabilities(lab, provider)
    delete_leftovers(provider)
    runs = plan_runs(lab, seeds, only)
    kubectl = ensure_binaries(["kubectl"], on_phase)["kubectl"]
    stage = Stage(lab, provider, _owner_now(), kubectl, threading.Event())
    results = _perform(stage, runs, at_once, on_run)
    return ReportCard(
        lab=lab.slug,
        version=lab.version,
        digest=lab_digest(lab.folder),
        seeds=tuple(seeds),
        provider=provider.name,
        kubernetes=_kubernetes(results.values()),
        assay=version("assay"),
        finished_at=timestamp(datetime.now(UTC)),
        problems=tuple(lint_lab(lab.folder)),
        runs=tuple(results[run] for run in runs),
    )


def delete_leftovers(provider: ClusterProvider) -> None:
    """Delete the clusters of rehearsals whose process is gone."""
    for cluster in provider.list():
        if is_leftover(cluster):
            provider.delete(cluster.name)


def _perform(
    stage: Stage, runs: Sequence[PlannedRun], at_once: int, on_run: OnRun
) -> dict[PlannedRun, RunResult]:
    results: dict[PlannedRun, RunResult] = {}
    with ThreadPoolExecutor(at_once, thread_name_prefix="rehearsal") as pool:
        futures = [pool.submit(stage.perform, run) for run in runs]
        try:
            for future in as_completed(futures):
                result = future.result()
                results[result.run] = result
                on_run(result)
        except BaseException:
            stage.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            _delete_own(stage)  # so that a check under way ends at once
            raise
    return results


def _delete_own(stage: Stage) -> None:
    for cluster in stage.provider.list():
        if cluster.owner == stage.owner:
            with suppress(AssayError):
                stage.provider.delete(cluster.name)


def _kubernetes(results: Iterable[RunResult]) -> tuple[str, ...]:
    found = {result.report.versions["kubernetes"] for result in results if result.report}
    return tuple(sorted(found))


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
