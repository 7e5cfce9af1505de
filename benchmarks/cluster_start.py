r"""How fast a cluster starts and how much memory it takes, beside kwokctl, in one run.

\b
python benchmarks/cluster_start.py --rounds 5
python benchmarks/cluster_start.py --rounds 5 --json > cluster-start.json

Both run the same binaries, on loopback, in rounds that alternate; medians count. A cold start ends
when the API server takes a Pod, asked every 20 ms from the moment the command begins. Memory is
that of a cluster with two nodes of eight devices each. Exit code 1 when a target is missed.
"""

from __future__ import annotations

import base64
import contextlib
import os
import ssl
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import httpx
import yaml
from rich.table import Table

from benchmarks.peers import Assay, Kwokctl, Peer
from clusters.binaries import ensure_binaries
from clusters.cli.output import err, out, print_json

COLD_START_TARGET = 0.7
"""Of kwokctl's."""
MEMORY_TARGET = 450.0
"""MiB resident of one cluster."""
SETTLE_SECONDS = 10.0
"""From the last change until memory is read: what a learner's idle cluster holds."""
CLAIMS_PER_ROUND = 5
_DEADLINE = 120.0
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_PODS = "/api/v1/namespaces/default/pods"
_TEMPLATES = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaimtemplates"


@dataclass(frozen=True)
class Round:
    """What one start of one peer took."""

    cold_start: float
    """Seconds from the command's begin until a Pod was taken."""
    command: float
    """Seconds until the command ended."""
    resident: float
    """MiB, shared pages counted in every process."""
    proportional: float
    """MiB, shared pages divided among those who share them."""
    claim_to_running: float
    """Seconds from creating a Pod with a claim until it runs, median."""


def run_round(kind: type[Peer]) -> Round:
    """Start one cluster, measure it and delete it, whatever happens."""
    with tempfile.TemporaryDirectory(prefix="bench-", dir="/tmp") as name:
        peer = kind(Path(name))
        try:
            return _measure(peer)
        finally:
            peer.delete()


def _measure(peer: Peer) -> Round:
    began = time.monotonic()
    command = subprocess.Popen(
        peer.command(),
        env=peer.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        with _until_a_pod_is_taken(peer, command, began) as api:
            cold_start = time.monotonic() - began
            _, said = command.communicate(timeout=_DEADLINE)
            took = time.monotonic() - began
            if command.returncode != 0:
                raise click.ClickException(f"{peer.name} failed: {said.decode()[-500:]}")
            peer.prepare(api)
            _wait_for_nodes(api)
            latency = statistics.median(_claim_to_running(api, i) for i in range(CLAIMS_PER_ROUND))
            time.sleep(SETTLE_SECONDS)
            resident, proportional = _memory(peer)
    finally:
        command.kill()
        command.communicate()
    return Round(cold_start, took, resident, proportional, latency)


@contextlib.contextmanager
def _until_a_pod_is_taken(
    peer: Peer, command: subprocess.Popen[bytes], began: float
) -> Iterator[httpx.Client]:
    with contextlib.ExitStack() as stack:
        api: httpx.Client | None = None
        while time.monotonic() - began < _DEADLINE:
            if api is None and peer.kubeconfig().exists():
                with contextlib.suppress(OSError, KeyError, TypeError, yaml.YAMLError):
                    api = stack.enter_context(client_of(peer.kubeconfig()))
            if api and _takes_a_pod(api):
                yield api
                return
            if command.poll():
                _, said = command.communicate()
                raise click.ClickException(f"{peer.name} failed: {said.decode()[-500:]}")
            time.sleep(0.02)
    raise click.ClickException(f"{peer.name} took no Pod within {_DEADLINE:.0f} s")


def _takes_a_pod(api: httpx.Client) -> bool:
    first = pod("first", claim=False)
    with contextlib.suppress(httpx.TransportError):
        return api.post(_PODS, json=first).status_code == httpx.codes.CREATED
    return False


def _wait_for_nodes(api: httpx.Client) -> None:
    deadline = time.monotonic() + _DEADLINE
    while time.monotonic() < deadline:
        nodes = api.get("/api/v1/nodes").json()["items"]
        if len(nodes) == 2 and not any(node["spec"].get("taints") for node in nodes):
            return
        time.sleep(0.02)
    raise click.ClickException("the nodes did not become ready")


def _claim_to_running(api: httpx.Client, index: int) -> float:
    name = f"claim-{index}"
    device = {"name": "gpu", "exactly": {"deviceClassName": "gpu.assay.dev", "count": 2}}
    template = {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaimTemplate",
        "metadata": {"name": name},
        "spec": {"spec": {"devices": {"requests": [device]}}},
    }
    began = time.monotonic()
    api.post(_TEMPLATES, json=template).raise_for_status()
    api.post(_PODS, json=pod(name, claim=True)).raise_for_status()
    while time.monotonic() - began < _DEADLINE:
        if api.get(f"{_PODS}/{name}").json()["status"]["phase"] == "Running":
            return time.monotonic() - began
        time.sleep(0.005)
    raise click.ClickException("a Pod with a claim did not run")


def pod(name: str, *, claim: bool) -> dict[str, Any]:
    """Return a Pod, with a claim by the template of its name where it is to have one."""
    container: dict[str, Any] = {"name": "main", "image": "bench"}
    spec: dict[str, Any] = {"containers": [container]}
    if claim:
        container["resources"] = {"claims": [{"name": "gpu"}]}
        spec["resourceClaims"] = [{"name": "gpu", "resourceClaimTemplateName": name}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}


def _memory(peer: Peer) -> tuple[float, float]:
    infos = [process.memory_full_info() for process in peer.processes()]
    return sum(i.rss for i in infos) / 2**20, sum(i.pss for i in infos) / 2**20


def client_of(kubeconfig: Path) -> httpx.Client:
    """Return a client for either peer: one gives files, the other embeds their content."""
    document = yaml.load(kubeconfig.read_bytes(), Loader=_LOADER)
    cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
    context = ssl.create_default_context(cadata=_content(cluster, "certificate-authority"))
    with tempfile.NamedTemporaryFile("w") as pair:
        pair.write(_content(user, "client-certificate") + _content(user, "client-key"))
        pair.flush()
        context.load_cert_chain(pair.name)
    return httpx.Client(base_url=cluster["server"], verify=context, timeout=10.0, trust_env=False)


def _content(section: dict[str, str], key: str) -> str:
    if f"{key}-data" in section:
        return base64.b64decode(section[f"{key}-data"]).decode()
    return Path(section[key]).read_text(encoding="utf-8")


def _median(rounds: list[Round], field: str) -> float:
    values: list[float] = [getattr(one, field) for one in rounds]
    return statistics.median(values)


@click.command(help=(__doc__ or "").replace(r"\b", "\b"))
@click.option("--rounds", default=3, show_default=True, type=click.IntRange(1))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
def main(rounds: int, as_json: bool) -> None:
    """Measure and compare."""
    peers: tuple[type[Peer], ...] = (Assay, Kwokctl)
    ensure_binaries(["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok"])
    measured: dict[str, list[Round]] = {peer.name: [] for peer in peers}
    for number in range(rounds):
        for peer in peers:
            measured[peer.name].append(run_round(peer))
            err.print(f"round {number + 1} {peer.name}: {measured[peer.name][-1]}")
    found = report(measured)
    print_json(found) if as_json else _print_table(found)
    raise SystemExit(0 if found["met"] else 1)


def report(measured: dict[str, list[Round]]) -> dict[str, Any]:
    """Return medians, ratios and whether the targets are met.

    Args:
        measured: the rounds of `assay` and of `kwokctl`.
    """
    fields = list(Round.__dataclass_fields__)
    medians = {
        name: {field: round(_median(rounds, field), 3) for field in fields}
        for name, rounds in measured.items()
    }
    ours, theirs = medians["assay"], medians["kwokctl"]
    ratios = {field: round(ours[field] / theirs[field], 3) for field in fields}
    met = ratios["cold_start"] <= COLD_START_TARGET and ours["resident"] <= MEMORY_TARGET
    return {
        "rounds": len(measured["assay"]),
        "load": os.getloadavg()[0],
        "medians": medians,
        "ratios": ratios,
        "targets": {"cold_start_ratio": COLD_START_TARGET, "resident_mib": MEMORY_TARGET},
        "met": met,
    }


def _print_table(found: dict[str, Any]) -> None:
    table = Table("median", "assay", "kwokctl", "ratio", box=None)
    units = {"resident": "MiB", "proportional": "MiB"}
    for field, ratio in found["ratios"].items():
        unit = units.get(field, "s")
        ours, theirs = (found["medians"][peer][field] for peer in ("assay", "kwokctl"))
        table.add_row(
            field.replace("_", " "), f"{ours:.2f} {unit}", f"{theirs:.2f} {unit}", f"{ratio:.2f}"
        )
    out.print(table)
    out.print(
        f"Targets: cold start at most {COLD_START_TARGET} of kwokctl's, at most "
        f"{MEMORY_TARGET:.0f} MiB resident: {'met' if found['met'] else 'missed'}."
    )


if __name__ == "__main__":
    main()
