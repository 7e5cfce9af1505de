"""Rehearsals on real clusters, by the command an author types."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from clusters.provider import Cluster, ClusterProvider, ClusterState
from graders.rehearsal.rehearsal import delete_leftovers, is_alive, is_leftover

pytestmark = pytest.mark.cluster

ASSAY = [sys.executable, "-m", "clusters.cli"]


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_LABS", str(tmp_path))
    return tmp_path


@pytest.fixture(autouse=True)
def _nothing_is_left(provider: ClusterProvider) -> Iterator[None]:
    before = {cluster.name for cluster in provider.list()}
    yield
    assert {cluster.name for cluster in provider.list()} == before


def assay(*arguments: str, code: int = 0) -> Any:
    done = subprocess.run([*ASSAY, *arguments, "--json"], capture_output=True, text=True)
    assert done.returncode == code, done.stdout + done.stderr
    return json.loads(done.stdout)


def test_a_new_lab_passes_lint_and_rehearse_as_it_is() -> None:
    assay("lab", "new", "fresh-lab", "--title", "A fresh lab")

    lint = assay("lab", "lint", "fresh-lab")
    written = [f"--only={kind}" for kind in ("untouched", "solution", "mutant")]
    card = assay("lab", "rehearse", "fresh-lab", "--seeds=1", "--repeat=1", *written)

    assert lint["true"] is True
    assert card["true"] is True
    assert [run["kind"] for run in card["runs"]] == ["solution", "untouched", "mutant", "mutant"]
    assert card["runs"][1]["results"] == {"run-replicas": "failed", "repair-workload": "failed"}
    assert all(version.startswith("v1.") for version in card["kubernetes"])


def test_a_lab_that_does_not_hold_is_not_proved(labs: Path, assay_home: Path) -> None:
    assay("lab", "new", "bad-lab")
    folder = labs / "bad-lab"
    right = (folder / "solution" / "reference" / "10-run-replicas.sh").read_text()
    (folder / "mutants" / "run-replicas" / "one-too-few.sh").write_text(right)
    vandal = folder / "mutants" / "repair-workload" / "replaced.sh"
    vandal.write_text("#!/bin/sh\nkubectl delete deployments --all --all-namespaces\n")
    other = folder / "solution" / "other"
    other.mkdir()
    (other / "20-repair-workload.sh").write_text("#!/bin/sh\necho cannot do that; exit 3\n")
    (other / "20-repair-workload.sh").chmod(0o755)

    card = assay(
        "lab", "rehearse", "bad-lab", "--seeds", "1", "--only", "mutant", "--only", "other", code=1
    )

    surprises = {run["name"]: run["surprises"] for run in card["runs"]}
    assert card["true"] is False
    assert surprises["run-replicas/one-too-few"][0].startswith(
        "run-replicas: must be failed, is passed"
    )
    assert surprises["repair-workload/replaced"][0].startswith(
        "run-replicas: must be passed, is failed"
    )
    assert surprises["other"][0].endswith("ended with 3:\ncannot do that")
    assert not (assay_home / "report-cards" / "bad-lab.json").exists()


def test_generated_mutants_are_noticed_in_copies_of_one_cluster(assay_home: Path) -> None:
    assay("lab", "new", "fresh-lab")
    what = ("drop create deployments", "change create deployments spec.replicas more", "late")
    equivalent = "run-replicas/change create deployments metadata.labels.app other"
    names = [*(f"run-replicas/{name}" for name in what), equivalent]

    card = assay(
        "lab", "rehearse", "fresh-lab", "--seeds=1", "--repeat=2", *(f"--only={n}" for n in names)
    )

    reference, *generated = card["runs"]
    assert (reference["name"], reference["gradings"]) == ("reference", 2)
    assert {run["name"] for run in generated} == set(names)
    assert (card["true"], card["killed"], card["mutants"]) == (True, 3, 3)
    assert card["kill_rate"] == 1.0
    assert card["flake_rate"] == 0.0
    assert list(card["equivalent"]) == [equivalent]
    outcomes = {run["name"]: run["results"]["run-replicas"] for run in generated}
    assert outcomes.pop(equivalent) == "passed"
    assert set(outcomes.values()) == {"failed"}
    assert {run["results"]["repair-workload"] for run in generated} == {"passed"}


def test_what_there_is_no_time_for_is_left_out_and_no_card_is_kept(assay_home: Path) -> None:
    assay("lab", "new", "fresh-lab")

    card = assay("lab", "rehearse", "fresh-lab", "--seeds=1", "--budget=0s", code=1)

    assert card["runs"] == []
    assert card["left_out"]["solution"] == ["reference"]
    assert not (assay_home / "report-cards" / "fresh-lab.json").exists()
    assert assay("lab", "card", "fresh-lab", code=1)["labs"][0]["state"] == "missing"


@pytest.mark.parametrize("signal_", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_rehearsal_leaves_nothing(
    provider: ClusterProvider, signal_: signal.Signals
) -> None:
    assay("lab", "new", "fresh-lab")
    rehearsal = subprocess.Popen(
        [*ASSAY, "lab", "rehearse", "fresh-lab"], stderr=subprocess.PIPE, text=True
    )
    owners = _wait_for_clusters_of(provider, rehearsal)
    delete_leftovers(provider)
    assert _owners(provider) >= owners, "a rehearsal that is alive keeps its clusters"

    os.kill(rehearsal.pid, signal_)
    _, errors = rehearsal.communicate(timeout=60)
    if signal_ is signal.SIGKILL:
        delete_leftovers(provider)
    else:
        assert rehearsal.returncode == 130
        assert "assay: interrupted" in errors
        assert "Traceback" not in errors

    assert not _owners(provider) & owners


def test_a_process_id_that_is_used_again_is_somebody_else() -> None:
    began = psutil.Process().create_time()

    assert is_alive(f"rehearsal:{os.getpid()}:{began:.2f}")
    assert not is_alive(f"rehearsal:{os.getpid()}:{began - 100:.2f}")
    assert not is_alive("rehearsal:what")


@pytest.mark.parametrize(
    ("name", "owner", "state", "leftover"),
    [
        ("rehearsal-{dead}-0123abcd", "", ClusterState.INCOMPLETE, True),
        ("rehearsal-{alive}-0123abcd", "", ClusterState.INCOMPLETE, False),
        ("rehearsal-{dead}-0123abcd", "", ClusterState.READY, False),
        ("rehearsal-{dead}-demo", "", ClusterState.INCOMPLETE, False),
        ("demo", "", ClusterState.INCOMPLETE, False),
        ("demo", "attempt:0123", ClusterState.READY, False),
        ("demo", "rehearsal:{dead}:1.00", ClusterState.READY, True),
    ],
)
def test_a_leftover_is_known_by_its_owner_or_before_that_by_its_name(
    name: str, owner: str, state: ClusterState, leftover: bool
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    ids = {"dead": ended.pid, "alive": os.getpid()}
    nowhere = Path("/nowhere")
    cluster = Cluster(
        name=name.format(**ids),
        provider="embedded",
        state=state,
        kubernetes="",
        capabilities=frozenset(),
        kubeconfig=nowhere,
        grader_kubeconfig=nowhere,
        platform_kubeconfig=nowhere,
        audit_log=nowhere,
        owner=owner.format(**ids),
    )

    assert is_leftover(cluster) is leftover


def _wait_for_clusters_of(provider: ClusterProvider, rehearsal: subprocess.Popen[str]) -> set[str]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert rehearsal.poll() is None
        owners = {o for o in _owners(provider) if o.startswith(f"rehearsal:{rehearsal.pid}:")}
        if owners:
            return owners
        time.sleep(0.1)
    raise AssertionError("the rehearsal made no cluster")


def _owners(provider: ClusterProvider) -> set[str]:
    return {cluster.owner for cluster in provider.list()}
