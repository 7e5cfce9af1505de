"""A learner works at a lab without the hub; the last test finishes what the first began."""

from __future__ import annotations

import base64
import getpass
import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from clusters.binaries import ensure_binaries
from clusters.provider import ClusterProvider
from graders.lab import load_lab
from graders.rehearsal.steps import learner_environment, run_step
from graders.solutions import solutions_of

Assay = Any

pytestmark = pytest.mark.cluster


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mine") / "lab.ipynb"


@pytest.fixture(scope="module")
def started(assay: Assay, provider: ClusterProvider, notebook: Path) -> Iterator[Any]:
    """What the first start did."""
    before = {cluster.name for cluster in provider.list()}
    yield assay("lab", "start", "small-lab", "--notebook", str(notebook))
    assay("lab", "finish", "small-lab")
    assert {cluster.name for cluster in provider.list()} == before


@pytest.fixture(scope="module")
def attempt(assay: Assay, started: Any) -> dict[str, Any]:
    """The attempt, as starting again describes it."""
    document: dict[str, Any] = assay("lab", "start", "small-lab", "--json").json
    return document


@pytest.fixture(scope="module")
def kubectl() -> Path:
    return ensure_binaries(["kubectl"])["kubectl"]


def test_start_says_where_everything_is_and_what_to_type(
    started: Any, attempt: dict[str, Any], notebook: Path
) -> None:
    assert started.code == 0
    assert "Preparing the lab" in started.err
    assert str(notebook) in started.out
    assert f"export KUBECONFIG={attempt['kubeconfig']}\n" in started.out
    assert "assay lab check small-lab" in started.out
    assert json.loads(notebook.read_text())["nbformat"] == 4


def test_starting_again_continues_and_keeps_the_notebook(
    assay: Assay, started: Any, notebook: Path
) -> None:
    notebook.write_text("what the learner wrote")

    again = assay("lab", "start", "small-lab", "--notebook", str(notebook), "--json")

    assert again.json["learner"] == getpass.getuser()
    assert again.json["state"] == "open"
    assert again.json["notebook"] == str(notebook)
    assert not {"seed", "baseline"} & set(again.json)
    assert notebook.read_text() == "what the learner wrote"


def test_the_kubeconfig_works_and_is_private(attempt: dict[str, Any], kubectl: Path) -> None:
    nodes = subprocess.run(
        [kubectl, "get", "nodes", "-o", "name"],
        env={**os.environ, "KUBECONFIG": attempt["kubeconfig"]},
        capture_output=True,
        text=True,
        check=True,
    )

    assert nodes.stdout.split() == ["node/node-a", "node/node-b"]
    assert Path(attempt["kubeconfig"]).stat().st_mode & 0o077 == 0


def test_check_shows_what_is_not_done_yet(assay: Assay, started: Any) -> None:
    done = assay("lab", "check", "--task", "run-replicas")

    assert done.code == 1
    assert "✗ not yet" in done.out
    assert "Run a Deployment with replicas" in done.out
    assert "There is no Deployment" in done.out
    assert "0 of 1 checked tasks done" in done.out


def test_an_unknown_task_is_a_usage_error(assay: Assay, started: Any) -> None:
    done = assay("lab", "check", "--task", "nix")

    assert done.code == 2
    assert "small-lab has no task 'nix'" in done.err


def test_what_is_done_passes_stays_and_is_signed(
    assay: Assay, attempt: dict[str, Any], kubectl: Path, labs: Path, tmp_path: Path
) -> None:
    environment = learner_environment(Path(attempt["kubeconfig"]), kubectl, tmp_path)
    for step in solutions_of(load_lab(labs / "small-lab"))[0].steps:
        run_step(step, environment)

    report = assay("lab", "check", "small-lab", "--json")
    shown = assay("lab", "check")
    finished = assay("lab", "finish")
    again = assay("lab", "finish", "small-lab", "--json")
    refused = assay("lab", "check", "small-lab")

    assert report.code == shown.code == finished.code == again.code == 0
    assert report.json["schema"] == "assay.dev/report/v1"
    assert [r["outcome"] for r in report.json["results"]] == ["passed", "passed"]
    assert "✓ done" in shown.out
    assert "2 of 2 checked tasks done" in shown.out
    assert again.json["state"] == "finished"
    assert refused.code == 2
    assert "was finished at" in refused.err
    _look_at_the_ledger(assay, attempt["id"], tmp_path / "attempt.json")


def _look_at_the_ledger(assay: Assay, id: str, file: Path) -> None:
    (listed,) = assay("attempt", "list", "--state", "finished", "--json").json
    shown = assay("attempt", "show", id[:6])
    document = assay("attempt", "show", id, "--json").json
    verified = assay("attempt", "verify")
    assay("attempt", "export", id, "--to", str(file))
    exported = assay("attempt", "export", id, "--json").json

    assert listed["id"] == id
    assert "2 of 2 tasks done, 30 of 30 points" in shown.out
    assert [task["done"] for task in document["tasks"]] == [True, True]
    assert (verified.code, verified.out[0]) == (0, "✓")
    assert json.loads(file.read_text()) == exported
    assert len(exported["reports"]) >= 2
    _verify_as_a_stranger(exported)


def _verify_as_a_stranger(document: dict[str, Any]) -> None:
    key = load_pem_public_key(document["public_key"].encode())
    assert isinstance(key, Ed25519PublicKey)
    for report in document["reports"]:
        signed = f"{report['previous']}\n{report['body']}".encode()
        assert hashlib.sha256(signed).hexdigest() == report["link"]
        key.verify(base64.b64decode(report["signature"]), report["link"].encode())
