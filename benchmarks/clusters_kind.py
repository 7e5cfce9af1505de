"""kind: one node, ready for a lab, beside bare `kind create cluster` with the same image."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import yaml

from benchmarks.cluster_start import client_of, pod
from benchmarks.grading_rows import Row, Target, row_of
from clusters.binaries import ensure_binaries
from clusters.errors import AssayError, ClusterError
from clusters.provider import provider_named

RATIO_TARGET = Target(1.1)
ROUNDS = 3
_PODS = "/api/v1/namespaces/default/pods"
_LONGEST = 600.0
_BARE = "bench-bare"


def measure(quick: bool = False) -> list[Row]:
    """Start both in turns; one row that says what is missing where kind cannot run here."""
    if missing := why_not():
        note = f"not measured here: {missing}"
        return [Row("kind", "of bare kind's time", "times", float("nan"), note=note)]
    ours, bare = [], []
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as name:
        for _ in range(1 if quick else ROUNDS):
            took, image = start_ours(Path(name))
            ours.append(took)
            bare.append(start_bare(Path(name), image))
    ratio = statistics.median(ours) / statistics.median(bare)
    return [
        row_of("kind", "one node, command to a Pod that is taken", "s", ours),
        row_of("kind", "the same, kind create cluster", "s", bare),
        Row("kind", "of bare kind's time", "times", ratio, target=RATIO_TARGET),
    ]


def why_not() -> str:
    """Return what this machine lacks, in a sentence; nothing when kind runs here."""
    try:
        return " ".join(provider_named("kind").preflight())
    except AssayError as error:
        return str(error)


def start_ours(home: Path) -> tuple[float, str]:
    """Start one of Assay's; return the seconds it took, and the image of its node."""
    assay = str(Path(sys.executable).with_name("assay"))
    inventory = home / "one-node.yaml"
    inventory.write_text(yaml.safe_dump(_ONE_NODE), encoding="utf-8")
    environment = {**os.environ, "ASSAY_HOME": str(home)}
    words = (assay, "cluster", "create", "--provider", "kind", "--name", "bench")
    began = time.monotonic()
    try:
        _run([*words, "--inventory", str(inventory)], environment)
        took = time.monotonic() - began
        return took, _image()
    finally:
        _run([assay, "cluster", "delete", "bench", "--provider", "kind"], environment)


def start_bare(folder: Path, image: str) -> float:
    """Start kind by itself; return the seconds until it takes a Pod."""
    kind = str(ensure_binaries(["kind"])["kind"])
    kubeconfig = folder / "bare.kubeconfig"
    common = [f"--name={_BARE}", f"--kubeconfig={kubeconfig}"]
    began = time.monotonic()
    try:
        _run([kind, "create", "cluster", f"--image={image}", *common], dict(os.environ))
        with client_of(kubeconfig) as api:
            while not _takes_a_pod(api):
                if time.monotonic() - began > _LONGEST:
                    raise ClusterError("kind took no Pod")
                time.sleep(0.05)
        return time.monotonic() - began
    finally:
        _run([kind, "delete", "cluster", *common], dict(os.environ))


def _takes_a_pod(api: httpx.Client) -> bool:
    try:
        answer = api.post(_PODS, json=pod("first", claim=False))
    except httpx.TransportError:
        return False
    return answer.status_code in (httpx.codes.CREATED, httpx.codes.CONFLICT)


def _image() -> str:
    """Return the image of the newest node of kind."""
    words = ["docker", "ps", "--latest", "--filter", "label=io.x-k8s.kind.cluster"]
    return _run([*words, "--format", "{{.Image}}"], dict(os.environ)).strip()


def _run(command: list[str], environment: dict[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_LONGEST, check=False
    )
    if done.returncode:
        raise ClusterError(f"{' '.join(command[:4])} failed: {done.stderr.strip()[-300:]}")
    return done.stdout


_ONE_NODE = {
    "apiVersion": "assay.dev/v1",
    "kind": "Inventory",
    "nodes": [{"name": "gpu-node-0", "devices": [{"model": "SIM-80G", "count": 8}]}],
}
