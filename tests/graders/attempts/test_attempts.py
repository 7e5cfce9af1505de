"""Attempts at a real cluster, from the start to the end."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from clusters.errors import AssayError, ClusterError
from clusters.phases import Phase
from clusters.provider import ClusterState
from graders.api import ApiServer
from graders.attempts import Attempts
from graders.authoring import new_lab
from graders.ledger import Attempt, AttemptState
from graders.report import CheckResult, Outcome

LAB = "small-lab"
Solve = Callable[..., None]

pytestmark = pytest.mark.cluster


def outcomes(results: tuple[CheckResult, ...]) -> list[str]:
    return [result.outcome.value for result in results]


def namespaces(attempts: Attempts, attempt: Attempt) -> set[str]:
    with ApiServer.from_file(attempts.kubeconfig(attempt)) as api:
        return {item["metadata"]["name"] for item in api.items("/api/v1/namespaces")[0]}


def test_two_learners_start_solve_and_finish_without_touching_each_other(
    attempts: Attempts, tmp_path: Path, solve: Solve
) -> None:
    phases: list[Phase] = []
    told: list[CheckResult] = []

    bob = attempts.start("bob", LAB)
    ann = attempts.start("ann", LAB, on_phase=phases.append)
    untouched = attempts.check(ann.id)
    solve(attempts, ann, tmp_path)
    solved = attempts.check(ann.id, on_result=told.append)
    of_bob = attempts.check(bob.id, ["run-replicas"])
    finished = attempts.finish(ann.id)

    assert ann.state is AttemptState.OPEN
    assert ann.kubernetes.startswith("v1.")
    assert ann.baseline["queue"]
    assert [phase.percent for phase in phases] == sorted(phase.percent for phase in phases)
    assert phases[-1].percent == 100
    assert outcomes(untouched.results) == ["failed", "failed"]
    assert outcomes(solved.results) == ["passed", "passed"]
    assert tuple(told) == solved.results
    assert solved.cluster_uid == ann.cluster_uid != bob.cluster_uid
    assert outcomes(of_bob.results) == ["failed"]
    assert all(progress.done for progress in attempts.ledger.progress(ann.id).values())
    assert finished.state is AttemptState.FINISHED
    assert [cluster.name for cluster in attempts.provider.list()] == [bob.cluster]
    assert attempts.provider.status(bob.cluster).state is ClusterState.READY
    assert attempts.ledger.verify() == []


def test_what_the_notebook_shows_is_what_the_cluster_holds(attempts: Attempts) -> None:
    attempt = attempts.start("bob", LAB)

    text = json.dumps(attempts.notebook(attempt))

    space = next(word for word in text.replace("`", " ").split() if word.startswith("space-"))
    assert "{{" not in text
    assert space in namespaces(attempts, attempt)


def test_a_dead_component_is_an_error_that_names_it_and_is_put_right(
    attempts: Attempts, tmp_path: Path, solve: Solve
) -> None:
    attempt = attempts.start("bob", LAB)
    solve(attempts, attempt, tmp_path)
    components = attempts.provider.status(attempt.cluster).components
    (pid,) = (c.pid for c in components if c.name == "kube-scheduler")
    assert pid is not None
    scheduler = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    psutil.wait_procs([scheduler], timeout=10)
    told: list[CheckResult] = []

    while_dead = attempts.check(attempt.id, on_result=told.append)
    done = attempts.reconcile()
    afterwards = attempts.check(attempt.id)

    assert {result.outcome for result in while_dead.results} == {Outcome.ERROR}
    assert "kube-scheduler of the cluster does not run" in while_dead.results[0].message
    assert tuple(told) == while_dead.results
    assert any("runs again" in sentence for sentence in done)
    assert afterwards.passed
    assert attempts.ledger.attempt(attempt.id).state is AttemptState.OPEN
    assert attempts.reconcile() == []


def test_a_manifest_that_the_server_refuses_breaks_the_attempt_and_leaves_nothing(
    attempts: Attempts, labs: Path
) -> None:
    folder = new_lab("refused-lab", "Refused", labs)
    manifest = folder / "manifests" / "20-queue.yaml"
    manifest.write_text(manifest.read_text().replace("replicas: 2", "replicas: -1"))

    with pytest.raises(ClusterError, match=r"Deployment .* is refused: .*replicas"):
        attempts.start("cy", "refused-lab")

    shutil.rmtree(folder)
    (attempt,) = attempts.ledger.attempts(learner="cy")
    assert attempt.state is AttemptState.BROKEN
    assert "is refused" in attempt.problem
    assert attempt.cluster not in {cluster.name for cluster in attempts.provider.list()}


def test_a_baseline_that_cannot_be_recorded_breaks_the_attempt_and_leaves_nothing(
    attempts: Attempts, labs: Path
) -> None:
    folder = new_lab("no-baseline", "No baseline", labs)
    script = folder / "checks" / "baseline.py"
    script.write_text("def record(cluster, variant):\n    raise ValueError('no luck')\n")

    with pytest.raises(AssayError, match="ValueError: no luck"):
        attempts.start("dee", "no-baseline")

    shutil.rmtree(folder)
    (attempt,) = attempts.ledger.attempts(learner="dee")
    assert attempt.state is AttemptState.BROKEN
    assert attempt.cluster not in {cluster.name for cluster in attempts.provider.list()}
