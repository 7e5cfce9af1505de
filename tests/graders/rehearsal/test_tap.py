"""The tap before a real API server: what it passes on, to whom, and what it changes."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from clusters.binaries import ensure_binaries
from clusters.provider import Cluster
from graders.rehearsal.mutation.mutant import GeneratedMutant, Operator
from graders.rehearsal.mutation.session import Recording, Sabotage
from graders.rehearsal.mutation.tap import Tap, tapped
from graders.rehearsal.steps import StepFailed, learner_environment, run_step

pytestmark = pytest.mark.cluster

Look = Callable[..., str]


@pytest.fixture(scope="module")
def kubectl() -> Path:
    return ensure_binaries(["kubectl"])["kubectl"]


@pytest.fixture
def tap(cluster: Cluster, tmp_path: Path) -> Iterator[Tap]:
    with tapped(cluster.kubeconfig, tmp_path) as found:
        yield found


@pytest.fixture
def environment(tap: Tap, kubectl: Path, tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return learner_environment(tap.kubeconfig, kubectl, home)


@pytest.fixture
def look(cluster: Cluster, kubectl: Path) -> Iterator[Look]:
    """Ask the API server itself what is there."""

    def ask(*words: str) -> str:
        command = [str(kubectl), "--kubeconfig", str(cluster.kubeconfig), *words]
        return subprocess.run(command, stdout=subprocess.PIPE, text=True).stdout.strip()

    yield ask
    ask("delete", "deployment,configmap", "--all", "--wait=true")


def step(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "step.sh"
    path.write_text(f"set -euo pipefail\n{text}\n")
    return path


CREATE = """
kubectl create deployment web --image=pause --replicas=2
kubectl apply --filename - <<MANIFEST
{apiVersion: v1, kind: ConfigMap, metadata: {name: notes}, data: {number: "7", rule: a >= 1}}
MANIFEST
kubectl rollout status deployment/web --timeout=30s
"""


def test_a_step_behind_the_tap_works_and_its_mutants_are_derived(
    tap: Tap, environment: dict[str, str], look: Look, tmp_path: Path
) -> None:
    recording = Recording(tap.upstream, "one")

    with tap.hearing(recording):
        run_step(step(tmp_path, CREATE), environment)

    names = {mutant.name.removeprefix("one/") for mutant in recording.mutants}
    assert look("get", "deployment", "web", "-o", "jsonpath={.status.readyReplicas}") == "2"
    assert look("get", "configmap", "notes", "-o", "jsonpath={.data.number}") == "7"
    assert {
        "drop create deployments",
        "decoy create deployments",
        "change create deployments spec.replicas less",
        "change create deployments spec.template.spec.containers[0].image other",
        "drop create configmaps",
        "change create configmaps data.number more",
        "change create configmaps data.rule >= as >",
        "undo",
        "late",
        "elsewhere",
    } <= names
    assert not [name for name in names if "dnsPolicy" in name], "the API server wrote that"
    assert not [name for name in names if "selector" in name], "the API server refuses that"
    assert recording.refused > 5


@pytest.mark.parametrize(
    ("operator", "write", "place", "how", "found"),
    [
        (Operator.DROP, "create configmaps", (), "", "web 2,"),
        (Operator.DECOY, "create configmaps", (), "", "web 2,notes-decoy 7"),
        (Operator.CHANGE, "create configmaps", ("data", "number"), "more", "web 2,notes 8"),
        (Operator.CHANGE, "create deployments", ("spec", "replicas"), "more", "web 3,notes 7"),
        (Operator.ELSEWHERE, "", (), "", ","),
        (Operator.UNDO, "", (), "", ","),
    ],
)
def test_a_mutant_does_one_thing_wrongly(
    tap: Tap,
    environment: dict[str, str],
    look: Look,
    tmp_path: Path,
    operator: Operator,
    write: str,
    place: tuple[str, ...],
    how: str,
    found: str,
) -> None:
    sabotage = Sabotage(tap.upstream, GeneratedMutant("one", operator, write, place, how))

    with tap.hearing(sabotage):
        run_step(step(tmp_path, CREATE), environment)
    problems = sabotage.undo()

    assert (sabotage.problem, problems) == ("", [])
    web = look("get", "deployments", "-o", "jsonpath={.items[*]['metadata.name','spec.replicas']}")
    notes = "jsonpath={.items[?(@.data.number)]['metadata.name','data.number']}"
    assert f"{web},{look('get', 'configmaps', '-o', notes)}" == found
    look("delete", "deployment,configmap", "--all", "--namespace=kube-public")


def test_what_was_changed_and_deleted_is_put_back(
    tap: Tap, environment: dict[str, str], look: Look, tmp_path: Path
) -> None:
    look("create", "deployment", "web", "--image=pause", "--replicas=2")
    look("create", "configmap", "notes", "--from-literal=number=7")
    text = """
    kubectl scale deployment web --replicas=0
    kubectl set image deployment web pause=other
    kubectl delete configmap notes
    """
    sabotage = Sabotage(tap.upstream, GeneratedMutant("one", Operator.UNDO))

    with tap.hearing(sabotage):
        run_step(step(tmp_path, text), environment)
    assert look("get", "deployment", "web", "-o", "jsonpath={.spec.replicas}") == "0"
    problems = sabotage.undo()

    image = "jsonpath={.spec.replicas} {.spec.template.spec.containers[0].image}"
    assert problems == []
    assert look("get", "deployment", "web", "-o", image) == "2 pause"
    assert look("get", "configmap", "notes", "-o", "jsonpath={.data.number}") == "7"


def test_a_deletion_that_is_left_out_deletes_nothing(
    tap: Tap, environment: dict[str, str], look: Look, tmp_path: Path
) -> None:
    look("create", "configmap", "notes", "--from-literal=number=7")
    sabotage = Sabotage(tap.upstream, GeneratedMutant("one", Operator.DROP, "delete configmaps"))

    with tap.hearing(sabotage), pytest.raises(StepFailed):
        run_step(step(tmp_path, "kubectl delete configmap notes"), environment, seconds=2)

    assert look("get", "configmap", "notes", "-o", "jsonpath={.data.number}") == "7"


def test_what_changes_nothing_or_goes_with_its_owner_cannot_be_left_out(
    tap: Tap, environment: dict[str, str], look: Look, tmp_path: Path
) -> None:
    look("create", "deployment", "web", "--image=pause", "--replicas=1")
    look("rollout", "status", "deployment/web")
    text = """
    kubectl scale deployment web --replicas=1
    kubectl delete pod --selector=app=web --wait=false
    kubectl delete deployment web
    """
    recording = Recording(tap.upstream, "one")

    with tap.hearing(recording):
        run_step(step(tmp_path, text), environment)

    dropped = [m.write for m in recording.mutants if m.operator is Operator.DROP]
    assert dropped == ["delete deployments"]


def test_a_mutant_of_what_a_step_no_longer_does_says_so(
    tap: Tap, environment: dict[str, str], tmp_path: Path
) -> None:
    sabotage = Sabotage(tap.upstream, GeneratedMutant("one", Operator.DROP, "create pods"))

    with tap.hearing(sabotage):
        run_step(step(tmp_path, "kubectl get nodes"), environment)

    assert sabotage.problem == "the step no longer does 'create pods'"


def test_nobody_without_the_learners_key_gets_through_the_tap(
    tap: Tap, environment: dict[str, str]
) -> None:
    server = next(
        line.split()[-1] for line in tap.kubeconfig.read_text().splitlines() if "server:" in line
    )

    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server}/api/v1/nodes", verify=False, trust_env=False)
    assert tap.kubeconfig.stat().st_mode & 0o777 == 0o600
