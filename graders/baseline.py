"""Baseline: what a lab records after set-up, before the learner can act.

A lab that must tell "repaired" from "deleted and made again" records identities in
`checks/baseline.py`:

    def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
        deployment = cluster.get("Deployment", variant["name"], namespace="lab")
        return {"deployment": deployment["metadata"]["uid"]}

It runs as a child process (this module), so that code of a lab that hangs, exits or prints cannot
harm the process that holds the ledger.
"""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from clusters.errors import ClusterError
from clusters.provider import Cluster
from graders.api import ApiServer
from graders.lab import Lab
from graders.variant import Variant
from graders.view import ClusterView

SECONDS = 60
"""Time limit of `record`."""
_ENVIRONMENT = ("PATH", "HOME", "LANG", "PYTHONPATH", "TMPDIR")
"""What the child may see of ours; the rest may hold secrets."""


def record_baseline(lab: Lab, variant: Variant, cluster: Cluster) -> dict[str, Any]:
    """Return what the lab's `checks/baseline.py` records; {} when it has none.

    Raises:
        ClusterError: it could not be recorded; a mistake of the lab's author.
    """
    script = lab.folder / "checks" / "baseline.py"
    if not script.exists():
        return {}
    job = {
        "script": str(script),
        "kubeconfig": str(cluster.grader_kubeconfig),
        "audit_log": str(cluster.audit_log),
        "seed": variant.seed,
        "values": dict(variant.values),
    }
    answer = _run_child(job, SECONDS)
    if "recorded" not in answer:
        raise ClusterError(
            f"the starting state of {lab.slug} is not as it should be: "
            f"{answer.get('problem', 'checks/baseline.py gave no answer')}"
        )
    recorded: dict[str, Any] = answer["recorded"]
    return recorded


def _run_child(job: Mapping[str, Any], seconds: float) -> dict[str, Any]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-m", "graders.baseline"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    ) as child:
        try:
            answer, _ = child.communicate(json.dumps(job).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return {"problem": f"checks/baseline.py took longer than {seconds:.0f} s"}
        finally:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return _parse(answer)


def _parse(answer: bytes) -> dict[str, Any]:
    try:
        document = json.loads(answer)
    except ValueError:
        return {"problem": "checks/baseline.py ended without an answer"}
    return document if isinstance(document, dict) else {}


def _answer(job: Mapping[str, Any]) -> dict[str, Any]:
    """Do the child's work."""
    try:
        record = _load(Path(job["script"])).record
        with ApiServer.from_file(Path(job["kubeconfig"])) as api:
            view = ClusterView(api, Path(job["audit_log"]))
            recorded = record(view, Variant(job["seed"], job["values"]))
    except Exception as error:
        return {"problem": f"{type(error).__name__}: {error}"}
    if not isinstance(recorded, dict):
        return {"problem": f"record() must return a dict, not {type(recorded).__name__}"}
    return {"recorded": recorded}


def _load(script: Path) -> Any:
    spec = importlib.util.spec_from_file_location("baseline", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _keep_stdout_to_ourselves() -> TextIO:
    """Take standard output away from everybody else: what the lab's code prints goes nowhere."""
    ours = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    return ours


if __name__ == "__main__":
    with _keep_stdout_to_ourselves() as pipe:
        json.dump(_answer(json.load(sys.stdin)), pipe)
