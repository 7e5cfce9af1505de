"""A recorded check, judged anew: the same check the same, another one by what was true."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graders import timing
from graders.bundles.told import Told
from graders.checks import expect
from graders.timing import Mode, Timing
from graders.view import ClusterView

Check = Callable[[ClusterView], None]
Make = Callable[..., Any]


def some_check(seed: int) -> Check:  # noqa: C901
    """Return a check that looks at this and that, as the seed has it, always the same way."""

    def look(cluster: ClusterView, draw: random.Random) -> None:
        pod = draw.choice(["web", "db", "cache", "nobody"])
        match draw.randrange(9):
            case 0:
                phase = cluster.get("Pod", pod, "lab")["status"]["phase"]
                expect(phase == "Running" or draw.random() < 0.8, "not running", found=phase)
            case 1:
                found = cluster.find("pods", pod, "lab")
                expect(found or draw.random() < 0.8, f"no {pod}")
            case 2:
                names = [p["metadata"]["name"] for p in cluster.list("Pod", "lab")]
                expect(len(names) > 1, "too few", found=", ".join(names))
            case 3:
                cluster.wait_until(
                    lambda: cluster.get("Pod", pod, "lab")["status"]["phase"] == "Running",
                    draw.choice([0, 0.02, 0.1]),
                    f"{pod} does not run",
                    found=lambda: cluster.get("Pod", pod, "lab")["status"]["phase"],
                )
            case 4:
                with cluster.create_probe(a_pod()) as probe:
                    expect(probe.read()["metadata"]["uid"], "no uid")
                    probe.wait_until(lambda p: p["kind"] == "Pod", 0.01, "no Pod")
            case 5:
                expect(cluster.dry_run(a_pod()).accepted, "refused")
            case 6:
                expect(cluster.can_i("get", "pods", user="ann") or draw.random() < 0.5, "no")
            case 7:
                events = cluster.audit(verb=draw.choice(["create", ["patch", "create"]]))
                expect(len(events) > draw.randrange(2), "nothing happened", found=len(events))
            case 8:
                kind = draw.choice(["Gadget", "ConfigMap"])
                expect(cluster.list(kind, "lab"), "no notes")

    def check(cluster: ClusterView) -> None:
        draw = random.Random(seed)
        mode = draw.choice([Mode.ASSERT, Mode.ASSERT, Mode.CONVERGE, Mode.HOLD])
        looks = draw.randrange(1, 7)
        inner = draw.getrandbits(32)

        def once() -> None:
            each = random.Random(inner)
            for _ in range(looks):
                look(cluster, each)

        timing.decide(once, Timing(mode, within=0.05, hold=0.15))

    return check


def a_pod() -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "lab"},
        "spec": {"containers": [{"name": "c", "image": "pause"}]},
    }


@settings(max_examples=150, deadline=None)
@given(check=st.integers(0, 2**32), cluster=st.integers(0, 2**32))
def test_an_unchanged_check_comes_to_the_same_verdict(
    record: Make, judge: Make, make_cluster: Make, check: int, cluster: int
) -> None:
    took = record(some_check(check), make_cluster(random.Random(cluster)))

    again = judge(some_check(check), took.recorded)

    assert again.outcome == took.outcome
    assert again.lacking == []


def test_waits_do_not_sleep(record: Make, judge: Make, make_cluster: Make) -> None:
    def check(cluster: ClusterView) -> None:
        cluster.wait_until(
            lambda: cluster.get("Pod", "web", "lab")["status"]["phase"] == "Running", 2, "Pending"
        )

    took = record(check, make_cluster())
    began = time.monotonic()
    again = judge(check, took.recorded)

    assert (again.outcome, again.lacking) == (took.outcome, [])
    assert again.outcome[0] == "failed"
    assert time.monotonic() - began < 0.3


def test_a_changed_check_is_told_what_was_true(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    def too_strict(cluster: ClusterView) -> None:
        expect(cluster.get("Pod", "web", "lab")["status"]["phase"] == "Running", "does not run")

    def mended(cluster: ClusterView) -> None:
        expect(cluster.get("pods", "web", "lab")["spec"]["nodeName"] == "n1", "is nowhere")

    took = record(too_strict, make_cluster())

    assert took.outcome[0] == "failed"
    assert judge(mended, took.recorded).outcome == ("passed",)


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (lambda c: c.get("Pod", "db", "lab"), "GET /api/v1/namespaces/lab/pods/db"),
        (lambda c: c.list("Pod", "lab", "app=web"), 'with {"labelSelector":"app=web"}'),
        (lambda c: c.can_i("get", "pods", user="bob"), "POST /apis/authorization.k8s.io"),
        (lambda c: c.audit(resource="nodes"), '"resource":"nodes"'),
        (lambda c: c.observe("latency", lambda: 1), "measurement of latency"),
        (lambda c: c.dry_run(a_pod()), "POST /api/v1/namespaces/lab/pods"),
    ],
)
def test_what_was_never_asked_is_an_error_that_names_it(
    record: Make, judge: Make, make_cluster: Make, change: Check, lacking: str
) -> None:
    def check(cluster: ClusterView) -> None:
        cluster.get("Pod", "web", "lab")
        cluster.audit(resource="pods")
        cluster.can_i("get", "pods", user="ann")

    def changed(cluster: ClusterView) -> None:
        check(cluster)
        change(cluster)

    again = judge(changed, record(check, make_cluster()).recorded)

    assert again.outcome[:2] == ("error", "NotRecorded")
    assert lacking in again.outcome[2]
    assert again.lacking == [again.outcome[2]]


def test_a_check_that_waits_longer_than_was_waited_for_is_no_verdict(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    def waiting(seconds: float) -> Check:
        def check(cluster: ClusterView) -> None:
            cluster.wait_until(
                lambda: cluster.get("Pod", "web", "lab")["status"]["phase"] == "Running",
                seconds,
                "does not run",
            )

        return check

    took = record(waiting(0.1), make_cluster())

    assert judge(waiting(0.05), took.recorded).outcome[0] == "failed"
    patient = judge(waiting(5), took.recorded)
    assert patient.outcome[0] == "error"
    assert "after the check began" in patient.outcome[2]


def test_a_check_that_looks_without_ever_waiting_comes_to_an_end(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    def check(cluster: ClusterView) -> None:
        cluster.get("Pod", "web", "lab")

    def restless(cluster: ClusterView) -> None:
        while True:
            cluster.get("Pod", "web", "lab")

    assert judge(restless, record(check, make_cluster()).recorded).outcome[0] == "error"


def test_what_was_measured_is_told_again_and_not_measured(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    measured: list[int] = []

    def check(cluster: ClusterView) -> None:
        def measure() -> dict[str, int]:
            measured.append(1)
            return {"milliseconds": 7 + len(measured)}

        found = cluster.observe("latency", measure)
        expect(found == {"milliseconds": 8}, "slow", found=found)

    took = record(check, make_cluster())

    assert took.outcome == judge(check, took.recorded).outcome == ("passed",)
    assert len(measured) == 1


def test_what_a_check_does_to_an_answer_does_not_change_the_recording(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    def check(cluster: ClusterView) -> None:
        for _ in range(2):
            pod = cluster.get("Pod", "web", "lab")
            expect(pod["spec"].pop("nodeName", None) == "n1", "somebody changed it")

    took = record(check, make_cluster())

    assert took.outcome == judge(check, took.recorded).outcome == ("passed",)


def test_what_is_too_much_is_left_out_and_said_so(
    record: Make, judge: Make, make_cluster: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graders.bundles.closing.BYTES_KEPT", 4000)
    fake = make_cluster()
    big = fake.objects["/api/v1/namespaces/lab/configmaps/notes"]
    big["data"]["blob"] = "x" * 5000

    def check(cluster: ClusterView) -> None:
        cluster.get("Pod", "web", "lab")
        cluster.list("ConfigMap", "lab")

    took = record(check, fake)
    again = judge(check, took.recorded)

    assert took.recorded["dropped"]["bytes"] > 5000
    assert again.outcome[0] == "error"
    assert "too large to keep" in again.outcome[2]


def test_a_million_looks_at_the_clock_do_not_fill_the_evidence(
    record: Make, judge: Make, make_cluster: Make
) -> None:
    from graders import clock

    def check(cluster: ClusterView) -> None:
        for _ in range(20_000):
            clock.now()
        cluster.get("Pod", "web", "lab")

    took = record(check, make_cluster())

    assert len(took.recorded["moments"]) == 5000
    assert took.recorded["dropped"]["steps"] == 15_000
    assert judge(check, took.recorded).outcome == took.outcome


def test_what_was_said_stays_whatever_is_done_to_what_is_taken_out() -> None:
    told = Told({"a": {"items": [1]}})

    told.copy("a")["items"].append(2)
    told.copy("a")["items"].append(3)

    assert told.copy("a") == told.as_read("a") == {"items": [1]}
