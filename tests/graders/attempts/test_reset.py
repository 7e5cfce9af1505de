"""A real cluster is taken back: verdicts stay true, and nobody is blamed for what was undone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
import yaml

from clusters.binaries import ensure_binaries
from clusters.errors import InputInvalid
from clusters.provider import ClusterState
from graders.attempts import Attempts
from graders.audit import AuditLog
from graders.catalogue import find_lab
from graders.ledger import Attempt
from graders.report import Outcome

pytestmark = pytest.mark.cluster

LAB = "small-lab"
FIRST, SECOND = "run-replicas", "repair-workload"
SAFEGUARDS = [
    {
        "id": "queue-stays",
        "title": "The queue is never scaled to zero",
        "object": {"kind": "Deployment", "name": "{{ queue }}", "namespace": "{{ space }}"},
        "rule": "scaled",
        "guards": [SECOND],
    },
    {
        "id": "note-stays",
        "title": "The note stays as it is",
        "object": {"kind": "ConfigMap", "name": "lab", "namespace": "assay-system"},
        "rule": "untouched",
        "guards": [SECOND],
    },
]
Solve = Callable[..., None]
WaitUntil = Callable[..., None]
Kubectl = Callable[..., str]


@pytest.fixture(scope="module", autouse=True)
def _guarded(labs: Path) -> None:
    path = labs / LAB / "lab.yaml"
    document = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**document, "safeguards": SAFEGUARDS}, sort_keys=False))


@pytest.fixture
def attempt(attempts: Attempts) -> Attempt:
    return attempts.start("ann", LAB)


@pytest.fixture
def kubectl(attempts: Attempts, attempt: Attempt) -> Kubectl:
    """Return kubectl of the learner."""
    program = ensure_binaries(["kubectl"])["kubectl"]

    def kubectl(*words: str) -> str:
        environment = {**os.environ, "KUBECONFIG": str(attempts.kubeconfig(attempt))}
        done = subprocess.run(
            [program, *words], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    return kubectl


def outcomes(attempts: Attempts, attempt: Attempt) -> dict[str, Outcome]:
    return {result.task: result.outcome for result in attempts.check(attempt.id).results}


def test_a_lab_is_solved_taken_back_and_solved_again(
    attempts: Attempts, attempt: Attempt, solve: Solve, tmp_path: Path, wait_until: WaitUntil
) -> None:
    solve(attempts, attempt, tmp_path, FIRST)
    assert outcomes(attempts, attempt) == {FIRST: Outcome.PASSED, SECOND: Outcome.FAILED}
    wait_until(lambda: attempts.checkpoints(attempt.id)[SECOND].after == FIRST)
    taken = datetime.fromisoformat(attempts.checkpoints(attempt.id)[SECOND].taken_at)
    # Reports tell whole seconds, and of two moments in the same one the earlier state is chosen.
    wait_until(lambda: datetime.now(UTC) > taken + timedelta(seconds=1))
    solve(attempts, attempt, tmp_path, SECOND)
    assert attempts.check(attempt.id).passed

    assert attempts.reset(attempt.id, SECOND).after == FIRST

    assert outcomes(attempts, attempt) == {FIRST: Outcome.PASSED, SECOND: Outcome.FAILED}
    progress = attempts.ledger.progress(attempt.id)
    assert progress[SECOND].done, "what was reached once counts"
    assert progress[SECOND].outcome is Outcome.FAILED, "and is not done now"

    assert attempts.reset(attempt.id).after == ""

    assert outcomes(attempts, attempt) == {FIRST: Outcome.FAILED, SECOND: Outcome.FAILED}
    solve(attempts, attempt, tmp_path)
    assert attempts.check(attempt.id).passed, "the baseline of the start still holds"
    assert attempts.ledger.verify() == []


def test_what_was_broken_and_undone_blames_nobody_and_what_comes_later_does(
    attempts: Attempts, attempt: Attempt, solve: Solve, tmp_path: Path, kubectl: Kubectl
) -> None:
    attempts.reset(attempt.id)
    deployment = kubectl("get", "deployments", "-A", "-o", "name").strip()
    space = attempts.ledger.attempt(attempt.id).drawn["space"]
    kubectl("scale", "--replicas=0", deployment, "-n", str(space))
    kubectl("label", "configmap", "lab", "-n", "assay-system", "mine=yes")
    kubectl("patch", "configmap", "lab", "-n", "assay-system", "-p", '{"data": {"queue": "x"}}')
    kubectl("delete", "namespace", str(space), "--wait=false")
    broken = attempts.check(attempt.id, [SECOND]).results[0]
    assert "The queue is never scaled to zero" in broken.message

    attempts.reset(attempt.id)

    solve(attempts, attempt, tmp_path)
    assert attempts.check(attempt.id).passed

    kubectl("scale", "--replicas=0", deployment, "-n", str(space))
    kubectl("scale", "--replicas=2", deployment, "-n", str(space))
    again = attempts.check(attempt.id, [SECOND]).results[0]
    assert again.outcome is Outcome.FAILED
    assert "was scaled to zero" in again.message


def test_a_cluster_that_answers_nothing_any_more_is_taken_back(
    attempts: Attempts, attempt: Attempt, kubectl: Kubectl
) -> None:
    kubectl("delete", "clusterroles,clusterrolebindings", "--all", "--wait=false")
    for component in attempts.provider.status(attempt.cluster).components:
        if component.name in ("kube-apiserver", "kube-scheduler") and component.pid:
            psutil.Process(component.pid).kill()

    attempts.reset(attempt.id)

    found = attempts.provider.status(attempt.cluster)
    assert (found.state, found.uid) == (ClusterState.READY, attempt.cluster_uid)
    assert kubectl("get", "clusterrole", "cluster-admin", "-o", "name")


def test_a_paused_cluster_runs_again_after_it(attempts: Attempts, attempt: Attempt) -> None:
    assert attempts.pause("ann", LAB)

    attempts.reset(attempt.id)

    assert not attempts.provider.status(attempt.cluster).frozen
    assert not attempts.broker.is_paused(f"attempt:{attempt.id}")


def test_an_unknown_task_is_named(attempts: Attempts, attempt: Attempt) -> None:
    with pytest.raises(InputInvalid, match="has no task 'unknown'; it has run-replicas"):
        attempts.reset(attempt.id, "unknown")


@pytest.mark.parametrize("after", [0.05, 0.15, 0.3, 0.5, 0.8])
def test_a_reset_that_is_killed_is_completed_by_reconciling_or_never_began(
    attempts: Attempts, attempt: Attempt, kubectl: Kubectl, after: float
) -> None:
    kubectl("create", "configmap", "later")
    program = (
        "import sys; from clusters.provider import provider_named; from graders.ledger import "
        "open_ledger; from graders.attempts import Attempts; "
        "attempts = Attempts(open_ledger(), provider_named()); print('.', flush=True); "
        "attempts.reset(sys.argv[1])"
    )
    before = len(AuditLog(attempts.audit_log(attempt)).undone)
    command = [sys.executable, "-c", program, attempt.id]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ) as child:
        assert child.stdout
        assert child.stdout.readline()
        time.sleep(after)
        child.send_signal(signal.SIGKILL)

    attempts.reconcile()

    found = attempts.provider.status(attempt.cluster)
    assert (found.state, found.frozen) == (ClusterState.READY, False)
    undone = "later" not in kubectl("get", "configmaps")
    told = len(AuditLog(attempts.audit_log(attempt)).undone) - before
    assert undone == bool(told), "what is undone is told, and nothing else"
    kubectl("delete", "configmap", "later", "--ignore-not-found")
    assert find_lab(attempt.lab).task_ids == tuple(outcomes(attempts, attempt))
