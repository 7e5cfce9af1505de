"""Checking and finishing through the proctor."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from clusters.errors import ClusterError

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running


def test_a_check_returns_its_report_and_the_ledger_has_it(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        report = ada.post("/attempts/ada-tiny/checks", json={"tasks": ["first"]}).json()
        attempt = ada.get("/attempts/ada-tiny").json()

    assert [result["task"] for result in report["results"]] == ["first"]
    assert attempt["reports"] == 1
    assert [(task["id"], task["outcome"], task["done"]) for task in attempt["tasks"]] == [
        ("first", "failed", False),
        ("second", "", False),
    ]


def test_a_check_can_be_followed_line_by_line(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    with (
        proctor.as_("ada") as ada,
        ada.stream(
            "POST", "/attempts/ada-tiny/checks", headers={"Accept": "application/x-ndjson"}
        ) as answer,
    ):
        lines = answer.iter_lines()
        first = json.loads(next(lines))  # arrives while the check still runs
        proctor.attempts.hold.set()
        rest = [json.loads(line) for line in lines]

    assert first["result"]["task"] == "first"
    assert [next(iter(line)) for line in rest] == ["result", "report"]


def test_a_second_check_of_one_attempt_is_told_to_wait(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    with proctor.as_("ada") as ada, ThreadPoolExecutor(1) as other:
        with ada.stream("GET", "/attempts/ada-tiny/events") as events:
            lines = events.iter_lines()
            next(line for line in lines if line == "event: attempt")
            running = other.submit(ada.post, "/attempts/ada-tiny/checks")
            next(line for line in lines if line == "event: result")
            refused = ada.post("/attempts/ada-tiny/checks")
        proctor.attempts.hold.set()

    assert refused.status_code == 409
    assert "wait" in proctor.problem_of(refused)
    assert running.result().status_code == 200
    assert len(proctor.attempts.ledger.reports("ada-tiny")) == 1


def test_a_check_whose_asker_left_is_still_counted_and_frees_its_turn(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    with proctor.as_("ada") as ada:
        with ada.stream(
            "POST", "/attempts/ada-tiny/checks", headers={"Accept": "application/x-ndjson"}
        ) as answer:
            next(answer.iter_lines())
        busy = ada.post("/attempts/ada-tiny/checks").status_code
        proctor.attempts.hold.set()
        proctor.wait_until(lambda: len(proctor.attempts.ledger.reports("ada-tiny")) == 1)
        proctor.wait_until(lambda: ada.post("/attempts/ada-tiny/checks").status_code == 200)

    assert busy == 409


def test_a_check_of_an_attempt_that_is_over_is_refused(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        ada.post("/attempts/ada-tiny/finish")
        answer = ada.post("/attempts/ada-tiny/checks")

    assert answer.status_code == 409
    assert proctor.problem_of(answer) == "this attempt is over"


def test_a_failing_engine_is_503_and_counts_nothing(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.problem = ClusterError("etcd does not run")
    with proctor.as_("ada") as ada:
        answer = ada.post("/attempts/ada-tiny/checks")

    assert (answer.status_code, proctor.problem_of(answer)) == (503, "etcd does not run")
    assert proctor.attempts.ledger.reports("ada-tiny") == []


def test_finishing_twice_is_no_error(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        states = [ada.post("/attempts/ada-tiny/finish").json()["state"] for _ in range(2)]

    assert states == ["finished", "finished"]


def test_a_silent_check_gives_signs_of_life(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    with (
        proctor.as_("ada") as ada,
        ada.stream(
            "POST", "/attempts/ada-tiny/checks", headers={"Accept": "application/x-ndjson"}
        ) as answer,
    ):
        lines = answer.iter_lines()
        next(lines)
        silent = json.loads(next(lines))
        proctor.attempts.hold.set()
        rest = [json.loads(line) for line in lines]

    assert silent == {"alive": True}
    assert "report" in rest[-1]
