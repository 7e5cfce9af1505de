"""Checking and finishing through the proctor."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor, as_completed
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


def test_who_asks_again_gets_the_newer_check_and_the_older_one_counts_nothing(
    proctor: Running,
) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    with proctor.as_("ada") as ada, ThreadPoolExecutor(2) as others:
        older = others.submit(ada.post, "/attempts/ada-tiny/checks")
        proctor.wait_until(lambda: len(proctor.attempts.checks) == 1)
        newer = others.submit(ada.post, "/attempts/ada-tiny/checks", json={"tasks": ["second"]})
        refused = older.result()
        proctor.attempts.hold.set()
        report = newer.result()

    assert refused.status_code == 409
    assert "asked again" in proctor.problem_of(refused)
    assert [result["task"] for result in report.json()["results"]] == ["second"]
    assert [found.id for found in proctor.attempts.ledger.reports("ada-tiny")] == [
        report.json()["id"]
    ]
    assert "assay_gradings_cancelled_total 1.0" in proctor.metrics()


def test_of_many_checks_asked_for_at_once_only_the_last_one_counts(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    answers = []
    with proctor.as_("ada") as ada, ThreadPoolExecutor(8) as others:
        for _ in range(6):
            answers.append(others.submit(ada.post, "/attempts/ada-tiny/checks"))
        for answer in as_completed(answers):
            assert answer.result().status_code == 409
            if sum(done.done() for done in answers) == 5:
                break
        proctor.attempts.hold.set()
        codes = sorted(answer.result().status_code for answer in answers)

    assert codes == [200, 409, 409, 409, 409, 409]
    assert len(proctor.attempts.ledger.reports("ada-tiny")) == 1


def test_a_learner_with_many_labs_does_not_keep_another_one_waiting(proctor: Running) -> None:
    labs = ("one", "two", "three")
    for lab in labs:
        proctor.attempt("ada", lab)
    proctor.start("bob")
    proctor.attempts.hold.clear()
    with proctor.as_("ada") as ada, proctor.as_("bob") as bob, ThreadPoolExecutor(4) as others:
        checks = [others.submit(ada.post, f"/attempts/ada-{lab}/checks") for lab in labs]
        proctor.wait_until(lambda: "assay_gradings_waiting 2.0" in proctor.metrics())
        checks.append(others.submit(bob.post, "/attempts/bob-tiny/checks"))
        proctor.wait_until(lambda: "bob-tiny" in proctor.attempts.checks)
        begun = list(proctor.attempts.checks)
        running = "assay_gradings_running 2.0" in proctor.metrics()
        proctor.attempts.hold.set()
        codes = [check.result().status_code for check in checks]

    assert [attempt.split("-")[0] for attempt in begun] == ["ada", "bob"]
    assert running
    assert codes == [200, 200, 200, 200]


def test_a_check_whose_asker_left_is_still_counted(proctor: Running) -> None:
    proctor.start()
    proctor.attempts.hold.clear()
    with proctor.as_("ada") as ada:
        with ada.stream(
            "POST", "/attempts/ada-tiny/checks", headers={"Accept": "application/x-ndjson"}
        ) as answer:
            next(answer.iter_lines())
        proctor.attempts.hold.set()
        proctor.wait_until(lambda: len(proctor.attempts.ledger.reports("ada-tiny")) == 1)


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
