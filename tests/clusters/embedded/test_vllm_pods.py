"""Real vLLM behind Pods: its API, its metrics, its log, its end, and what its probes say."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from clusters.capability import Capability
from clusters.inventory import parse_inventory
from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec
from clusters.vllm import HOW_TO_GET_IT, installed
from tests.clusters.embedded.pods import (
    CORE,
    LACKING,
    PODS,
    SERVICES,
    WHY_NOT,
    is_ready,
    log_of,
    look,
    main_status,
    make,
)

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.timeout(900),
    pytest.mark.skipif(bool(LACKING), reason=WHY_NOT),
    pytest.mark.skipif(not installed().complete, reason=f"vLLM is not installed: {HOW_TO_GET_IT}"),
]
IMAGE = "vllm/vllm-openai:v0.32.0"
CLAIMS = "/apis/resource.k8s.io/v1/namespaces/default/resourceclaims"
LOADING = 400.0
"""Seconds that a server may take to load on a machine that does other work as well."""
ARGUMENTS = [
    "--model=/models/tiny", "--served-model-name=parrot", "--port=8000", "--dtype=bfloat16",
    "--max-model-len=256", "--enforce-eager", "--kv-cache-memory-bytes=64M", "--block-size=32",
]  # fmt: skip
HEALTH = {"httpGet": {"path": "/health", "port": 8000}, "periodSeconds": 1}
WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    provider = EmbeddedProvider(tmp_path_factory.mktemp("clusters"))
    device = {"model": "Wren", "count": 2, "memory": "40Gi", "driverVersion": "550.54.15"}
    inventory = parse_inventory({"nodes": [{"name": "only", "devices": [device]}]}, "test")
    name = f"vllm-{secrets.token_hex(3)}"
    capabilities = frozenset({Capability.NETWORKING})
    spec = ClusterSpec(name, inventory, capabilities=capabilities, addons=("vllm",))
    yield provider.create(spec)
    provider.delete(name)


@pytest.fixture(scope="module")
def served(learner: httpx.Client, wait_until: WaitUntil) -> str:
    """Return the name of a Pod that serves, with a device of its own and a Service before it."""
    learner.post(
        CLAIMS,
        json={
            "apiVersion": "resource.k8s.io/v1",
            "kind": "ResourceClaim",
            "metadata": {"name": "gpu"},
            "spec": {
                "devices": {
                    "requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.assay.dev"}}]
                }
            },
        },
    ).raise_for_status()
    make(
        learner,
        "server",
        IMAGE,
        labels={"app": "server"},
        pod={"resourceClaims": [{"name": "gpu", "resourceClaimName": "gpu"}]},
        args=ARGUMENTS,
        resources={"claims": [{"name": "gpu"}], "limits": {"memory": "3Gi"}},
        startupProbe={**HEALTH, "failureThreshold": 600},
        readinessProbe=HEALTH,
        livenessProbe={**HEALTH, "failureThreshold": 30},
    )
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "models"},
        "spec": {"selector": {"app": "server"}, "ports": [{"port": 80, "targetPort": 8000}]},
    }
    learner.post(SERVICES, json=service).raise_for_status()
    assert not is_ready(learner, "server")
    wait_until(lambda: is_ready(learner, "server"), LOADING)
    wait_until(lambda: ask(learner, "/health").is_success)
    return "server"


def ask(client: httpx.Client, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
    """Ask the Service, through the API server."""
    url = f"{SERVICES}/models:80/proxy{path}"
    return client.get(url) if body is None else client.post(url, json=body, timeout=60)


def metric(client: httpx.Client, name: str) -> float:
    samples = re.findall(
        rf"^{re.escape(name)}\{{[^}}]*\}} (\S+)$", ask(client, "/metrics").text, re.MULTILINE
    )
    return sum(map(float, samples))


def processes_of(pod: str, cluster: Cluster, learner: httpx.Client) -> list[psutil.Process]:
    """Return the processes of a Pod on this host: those that run as the Pod's account."""
    uid = look(learner, pod)["metadata"]["uid"]
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("ASSAY_POD") == uid:
                found += process.children(recursive=True)
        except psutil.Error:
            continue
    return found


def test_it_serves_the_model_under_the_name_that_was_asked_for(
    learner: httpx.Client, served: str
) -> None:
    [model] = ask(learner, "/v1/models").json()["data"]

    assert (model["id"], model["max_model_len"], model["root"]) == ("parrot", 256, "/models/tiny")
    claim = learner.get(f"{CLAIMS}/gpu").json()
    assert claim["status"]["reservedFor"][0]["name"] == served


def test_what_it_answers_is_counted_by_its_metrics(learner: httpx.Client, served: str) -> None:
    before = metric(learner, "vllm:generation_tokens_total")
    body = {"model": "parrot", "prompt": [5, 6, 7, 8], "max_tokens": 9, "ignore_eos": True}

    answer = ask(learner, "/v1/completions", body).json()

    assert answer["usage"]["prompt_tokens"] == 4
    assert answer["usage"]["completion_tokens"] == 9
    assert answer["choices"][0]["finish_reason"] == "length"
    assert metric(learner, "vllm:generation_tokens_total") - before == 9
    assert ask(learner, "/v1/completions", {**body, "model": "other"}).status_code == 404


def test_its_log_is_the_servers_own(learner: httpx.Client, served: str) -> None:
    log = log_of(learner, served)

    assert "vLLM" in log or "vllm" in log
    assert "/v1/models" in log


def test_it_runs_as_an_account_of_its_own_with_limits(
    cluster: Cluster, learner: httpx.Client, served: str
) -> None:
    servers = [p for p in processes_of(served, cluster, learner) if p.num_threads() > 1]

    assert len(servers) >= 2
    for process in servers:
        limits = Path(f"/proc/{process.pid}/limits").read_text()
        assert process.uids().real != 0 or psutil.Process().uids().real != 0
        assert re.search(rf"Max data size +{(3072 + 256) << 20} ", limits)
        assert re.search(r"Max core file size +0 ", limits)


def test_a_killed_server_is_started_again_and_is_not_ready_meanwhile(
    cluster: Cluster, learner: httpx.Client, served: str, wait_until: WaitUntil
) -> None:
    running = processes_of(served, cluster, learner)
    engine = next(p for p in running if "EngineCore" in "".join(p.cmdline()))

    engine.kill()

    wait_until(lambda: main_status(learner, served)["restartCount"] == 1, 120)
    assert not is_ready(learner, served)
    assert main_status(learner, served)["lastState"]["terminated"]["reason"]  # vLLM itself ends
    assert "EngineDeadError" in log_of(learner, served, previous="true")
    wait_until(lambda: is_ready(learner, served), LOADING)
    assert ask(learner, "/v1/models").is_success


def test_a_probe_that_does_not_fit_kills_it_while_it_loads(
    learner: httpx.Client, served: str, wait_until: WaitUntil
) -> None:
    make(
        learner,
        "hasty",
        IMAGE,
        args=ARGUMENTS,
        livenessProbe={**HEALTH, "failureThreshold": 3},
    )

    wait_until(lambda: main_status(learner, "hasty").get("restartCount"), LOADING)

    events = learner.get(f"{CORE}/events").json()["items"]
    told = [e["message"] for e in events if e["involvedObject"]["name"] == "hasty"]
    assert any("Liveness probe failed" in message for message in told)
    learner.delete(f"{PODS}/hasty")
    wait_until(lambda: learner.get(f"{PODS}/hasty").status_code == 404)


def test_a_model_that_is_not_there_is_told_in_vllms_own_words(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    arguments = ["--model=/models/huge", *ARGUMENTS[1:]]
    make(learner, "lost", IMAGE, args=arguments, pod={"restartPolicy": "Never"})

    wait_until(lambda: "terminated" in json.dumps(main_status(learner, "lost")), LOADING)

    assert main_status(learner, "lost")["state"]["terminated"]["exitCode"] != 0
    assert "/models/huge" in log_of(learner, "lost")
    learner.delete(f"{PODS}/lost")


def test_nothing_of_it_is_left_when_its_pod_is_deleted(
    cluster: Cluster, learner: httpx.Client, served: str, wait_until: WaitUntil
) -> None:
    running = processes_of(served, cluster, learner)
    began = time.monotonic()

    learner.delete(f"{PODS}/{served}")

    wait_until(lambda: not any(p.is_running() for p in running), 30)
    assert running
    assert time.monotonic() - began < 30
