"""The whole way on nodes of containers: the lab at a terminal, and the platform's own tour."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clusters.binaries import ensure_binaries
from clusters.providers.kind import KindProvider
from graders.catalogue import find_lab
from graders.rehearsal.steps import learner_environment, run_step

pytestmark = [pytest.mark.kind, pytest.mark.timeout(1500)]

LAB = "dra-01-claim-a-gpu"
LEARNER = ("--learner", "ada", "--provider", "kind")


def assay(*arguments: str, expect: int = 0) -> Any:
    command = [sys.executable, "-m", "clusters.cli", *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)
    assert done.returncode == expect, done.stderr + done.stdout
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def started(kind: KindProvider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """An attempt at the lab."""
    notebook = tmp_path_factory.mktemp("mine") / "lab.ipynb"
    yield assay("lab", "start", LAB, *LEARNER, "--seed", "11", "--notebook", str(notebook))
    assay("lab", "finish", LAB, *LEARNER)
    assert [c for c in kind.list() if c.owner.startswith("attempt:")] == []


def outcomes(report: dict[str, Any]) -> dict[str, str]:
    return {result["task"]: result["outcome"] for result in report["results"]}


def test_a_learner_does_the_lab_at_a_terminal(started: dict[str, Any], tmp_path: Path) -> None:
    lab = find_lab(LAB)
    untouched = assay("lab", "check", LAB, *LEARNER, expect=1)
    assert set(outcomes(untouched).values()) == {"failed"}

    kubectl = ensure_binaries(["kubectl"])["kubectl"]
    environment = learner_environment(Path(started["kubeconfig"]), kubectl, tmp_path)
    for script in sorted((lab.folder / "solution" / "reference").glob("*.sh")):
        run_step(script, environment, 300)
    report = assay("lab", "check", LAB, *LEARNER)

    assert outcomes(report) == dict.fromkeys(lab.task_ids, "passed")


def test_the_tour_on_kind(kind: KindProvider) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "ASSAY_HOME"}
    command = [sys.executable, "-m", "clusters.cli", "tour", "--provider", "kind", "--json"]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=1400, env=environment
    )

    assert done.returncode == 0, done.stderr
    titles = [step["title"] for step in json.loads(done.stdout)["steps"]]
    assert "Verify the badge" in titles
    assert titles[-1] == "Stop the platform and leave nothing behind"
