"""The life of Pods that are processes: restarts, probes, volumes, ends, and why one waits."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from clusters.provider import Cluster
from clusters.providers.embedded import EmbeddedProvider
from tests.clusters.embedded.pods import (
    LACKING,
    PODS,
    WHY_NOT,
    is_ready,
    log_of,
    look,
    main_status,
    make,
    networked_spec,
    phase,
)

pytestmark = [pytest.mark.cluster, pytest.mark.skipif(bool(LACKING), reason=WHY_NOT)]
NAME = "living"
WaitUntil = Callable[..., None]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    provider = EmbeddedProvider(tmp_path_factory.mktemp("clusters"))
    yield provider.create(networked_spec(NAME, "a", "b"))
    provider.delete(NAME)


def test_a_container_that_fails_is_started_again_and_then_waits(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    make(learner, "fails", command=["sh", "-c", "echo attempt; exit 4"])

    def waits() -> bool:
        return "CrashLoopBackOff" in json.dumps(main_status(learner, "fails").get("state"))

    wait_until(waits)
    status = main_status(learner, "fails")
    assert status["restartCount"] >= 1
    assert status["lastState"]["terminated"]["exitCode"] == 4
    assert log_of(learner, "fails") == "attempt\n"
    learner.delete(f"{PODS}/fails")


def test_liveness_restarts_and_startup_protects(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    quick = {"periodSeconds": 1, "failureThreshold": 1}
    make(
        learner,
        "lives",
        command=[
            "sh",
            "-c",
            "touch /tmp/ok; sleep 3; touch /tmp/up; sleep 2; rm /tmp/ok; sleep 99",
        ],
        startupProbe={
            "exec": {"command": ["test", "-e", "/tmp/up"]},
            "periodSeconds": 1,
            "failureThreshold": 60,
        },
        livenessProbe={"exec": {"command": ["test", "-e", "/tmp/ok"]}, **quick},
    )
    wait_until(lambda: main_status(learner, "lives").get("restartCount"), 120)

    assert main_status(learner, "lives")["lastState"]["terminated"]["exitCode"] in (137, 143)
    learner.delete(f"{PODS}/lives")


def test_init_containers_sidecars_and_volumes(learner: httpx.Client, wait_until: WaitUntil) -> None:
    learner.post(
        "/api/v1/namespaces/default/configmaps",
        json={
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "page"},
            "data": {"index.html": "from a ConfigMap"},
        },
    ).raise_for_status()
    shared = [{"name": "shared", "mountPath": "/shared"}]
    make(
        learner,
        "together",
        "nginx:1.27",
        volumeMounts=[*shared, {"name": "page", "mountPath": "/usr/share/nginx/html"}],
        pod={
            "initContainers": [
                {
                    "name": "first",
                    "image": "busybox",
                    "volumeMounts": shared,
                    "command": ["sh", "-c", "echo first >> /shared/order"],
                },
                {
                    "name": "beside",
                    "image": "busybox",
                    "volumeMounts": shared,
                    "restartPolicy": "Always",
                    "command": [
                        "sh",
                        "-c",
                        "echo beside >> /shared/order; cat /shared/order; sleep 99",
                    ],
                },
            ],
            "volumes": [
                {"name": "shared", "emptyDir": {}},
                {"name": "page", "configMap": {"name": "page"}},
            ],
        },
    )
    wait_until(lambda: is_ready(learner, "together"))
    wait_until(lambda: learner.get(f"{PODS}/together:80/proxy/").is_success)

    assert learner.get(f"{PODS}/together:80/proxy/").text == "from a ConfigMap"
    assert log_of(learner, "together", container="beside") == "first\nbeside\n"
    learner.delete(f"{PODS}/together")


def test_a_job_counts_exit_codes(learner: httpx.Client, wait_until: WaitUntil) -> None:
    jobs = "/apis/batch/v1/namespaces/default/jobs"
    for name, code in (("good", 0), ("bad", 1)):
        container = {"name": "main", "image": "busybox", "command": ["sh", "-c", f"exit {code}"]}
        template = {"spec": {"restartPolicy": "Never", "containers": [container]}}
        job = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, "template": template},
        }
        learner.post(jobs, json=job).raise_for_status()

    def told(name: str) -> dict[str, Any]:
        status: dict[str, Any] = learner.get(f"{jobs}/{name}").json()["status"]
        return status

    wait_until(lambda: told("good").get("succeeded") == 1 and told("bad").get("failed") == 1)


def test_a_container_is_asked_to_end_and_may_finish(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    make(learner, "hears", "nginx")
    wait_until(lambda: learner.get(f"{PODS}/hears:80/proxy/").is_success)
    address = look(learner, "hears")["status"]["podIP"]
    goodbye = f"curl -s http://{address}/said-goodbye; exit 0"
    script = f"trap '{goodbye}' TERM; echo up; while :; do sleep 0.1; done"
    make(learner, "polite", command=["sh", "-c", script])
    wait_until(lambda: "up" in log_of(learner, "polite"))

    learner.delete(f"{PODS}/polite", params={"gracePeriodSeconds": "20"})

    wait_until(lambda: learner.get(f"{PODS}/polite").status_code == 404)
    assert "said-goodbye" in log_of(learner, "hears")


def test_too_much_memory_ends_a_container(learner: httpx.Client, wait_until: WaitUntil) -> None:
    make(
        learner,
        "eats",
        "python",
        command=["python3", "-c", "import time; x = bytearray(200 << 20); time.sleep(60)"],
        resources={"limits": {"memory": "64Mi"}},
        pod={"restartPolicy": "Never"},
    )
    wait_until(lambda: phase(learner, "eats") == "Failed")

    assert main_status(learner, "eats")["state"]["terminated"]["reason"] == "OOMKilled"
    assert main_status(learner, "eats")["state"]["terminated"]["exitCode"] == 137


def test_an_image_that_stands_for_nothing_is_refused_with_a_list(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    make(learner, "unknown", "registry.example/team/app:v1")
    wait_until(lambda: "ImagePullBackOff" in json.dumps(main_status(learner, "unknown")))

    message = main_status(learner, "unknown")["state"]["waiting"]["message"]
    assert "busybox" in message
    assert phase(learner, "unknown") == "Pending"


def test_a_secret_that_comes_later_lets_a_container_start(
    learner: httpx.Client, wait_until: WaitUntil
) -> None:
    reference = {"secretKeyRef": {"name": "late", "key": "word"}}
    make(
        learner,
        "waits",
        command=["sh", "-c", "echo $WORD"],
        env=[{"name": "WORD", "valueFrom": reference}],
        pod={"restartPolicy": "Never"},
    )
    wait_until(lambda: "CreateContainerConfigError" in json.dumps(main_status(learner, "waits")))
    learner.post(
        "/api/v1/namespaces/default/secrets",
        json={
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "late"},
            "stringData": {"word": "sesame"},
        },
    ).raise_for_status()

    wait_until(lambda: phase(learner, "waits") == "Succeeded")
    assert log_of(learner, "waits") == "sesame\n"


def test_events_tell_what_happened(learner: httpx.Client) -> None:
    events = learner.get("/api/v1/namespaces/default/events").json()["items"]

    assert {"Started", "Unhealthy"} <= {event["reason"] for event in events}
