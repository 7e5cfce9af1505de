"""Live state, end to end: a real proctor and cluster, and a learner who asks for nothing.

The tests share a learner and go in this order; each begins with nothing done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from benchmarks.live_stage import Follower, Learner, Stage, live_stage
from graders.report import Outcome

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]

SOON = 15.0
"""Seconds: far more than it takes, on a machine that does other things as well."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with live_stage(tmp_path_factory.mktemp("stage")) as stage:
        yield stage


@pytest.fixture(scope="module")
def ada(stage: Stage) -> Learner:
    return stage.learner("ada")


@pytest.fixture(scope="module")
def followed(ada: Learner) -> Iterator[Follower]:
    follower = ada.follow()
    follower.verdict("tidy", "passed", 60)
    yield follower
    follower.stop()


def outcomes(learner: Learner) -> dict[str, str]:
    return {task["id"]: task["outcome"] for task in learner.remote.show()["tasks"]}


def test_a_tick_comes_by_itself_goes_when_it_is_undone_and_both_are_in_the_ledger(
    ada: Learner, followed: Follower
) -> None:
    ada.make("ConfigMap", "present")
    followed.verdict("present", "passed", SOON)
    ada.remove("ConfigMap", "present")
    followed.verdict("present", "failed", SOON)

    (task,) = [task for task in ada.remote.show()["tasks"] if task["id"] == "present"]
    assert (task["done"], task["outcome"]) == (True, "failed"), "it counts, and it is undone"
    assert outcomes(ada)["right"] == "", "what nobody asked for and is not done is no verdict"


def test_what_controllers_bring_about_and_lists_are_noticed_too(
    ada: Learner, followed: Follower
) -> None:
    ada.make_pod("running")
    followed.verdict("running", "passed", SOON)
    ada.make("ConfigMap", "untidy")
    followed.verdict("tidy", "failed", SOON)
    ada.remove("ConfigMap", "untidy")
    followed.verdict("tidy", "passed", SOON)
    ada.remove("Pod", "running")
    followed.verdict("running", "failed", SOON)


def test_what_a_check_does_itself_makes_no_check(ada: Learner, followed: Follower) -> None:
    """The check `probed` lists what it makes, so it would see itself for ever."""
    ada.make("Service", "wanted", spec={"ports": [{"port": 80}]})
    followed.verdict("probed", "passed", SOON)
    time.sleep(2)
    before = looks(ada)
    time.sleep(4)

    assert looks(ada) - before <= 1
    ada.remove("Service", "wanted")
    followed.verdict("probed", "failed", SOON)


def looks(learner: Learner) -> int:
    """How many looks the proctor has made."""
    url = learner.remote._url
    lines = httpx.get(f"{url}/metrics", trust_env=False, timeout=10).text.splitlines()
    counted = [line for line in lines if line.startswith("assay_checks_total")]
    return int(sum(float(line.split()[-1]) for line in counted if 'trigger="live"' in line))


def test_what_is_asked_for_comes_first_and_is_not_told_twice(
    ada: Learner, followed: Follower
) -> None:
    followed.drain()
    ada.make("ConfigMap", "present")
    report = ada.remote.check(["present"], lambda result: None)
    time.sleep(3)

    assert report.results[0].outcome is Outcome.PASSED
    told = [
        event.data["outcome"]
        for event in followed.drain()
        if event.kind == "result" and event.data["task"] == "present"
    ]
    assert told in (["passed"], ["passed", "passed"]), "the look may have been first"
    ada.remove("ConfigMap", "present")
    followed.verdict("present", "failed", SOON)


@contextmanager
def noise(learner: Learner) -> Iterator[None]:
    """Let somebody write what their own checks read, as fast as they can."""
    stop = threading.Event()

    def spam() -> None:
        while not stop.is_set():
            learner.make("ConfigMap", "noise")
            learner.remove("ConfigMap", "noise")

    threads = [threading.Thread(target=spam) for _ in range(1)]
    for thread in threads:
        thread.start()
    yield
    stop.set()
    for thread in threads:
        thread.join()


def test_who_floods_their_own_cluster_keeps_nobody_else_waiting(
    stage: Stage, ada: Learner, followed: Follower
) -> None:
    mallory = stage.learner("mallory")
    flooded = mallory.follow()
    flooded.verdict("tidy", "passed", 60)

    with noise(mallory):
        time.sleep(2)
        for _ in range(2):
            ada.make("ConfigMap", "present")
            followed.verdict("present", "passed", SOON)
            ada.remove("ConfigMap", "present")
            followed.verdict("present", "failed", SOON)

    flooded.stop()
    mallory.remote.finish()


def test_a_safeguard_broken_and_mended_while_no_proctor_ran_is_still_broken(
    stage: Stage, ada: Learner, followed: Follower
) -> None:
    followed.verdict("kept", "passed", 1) if outcomes(ada)["kept"] != "passed" else None
    stage.kill()
    path = "/api/v1/namespaces/default/configmaps/guarded"
    mine = ada.api.get(path)
    for data in ({"what": "touched"}, mine["data"]):
        ada.api._request("PUT", path, body={**ada.api.get(path), "data": data})
    stage.start()

    followed.verdict("kept", "failed", 60)

    (task,) = [task for task in ada.remote.show()["tasks"] if task["id"] == "kept"]
    assert (
        "The guarded ConfigMap stays as it is: the ConfigMap default/guarded was written at"
        in (task["message"])
    )
    assert task["message"].endswith("by learner")


def test_a_ticket_opens_the_events_of_one_attempt_and_nothing_else(
    stage: Stage, ada: Learner
) -> None:
    token = {"Authorization": "token token-of-ada"}
    with httpx.Client(base_url=stage.url, trust_env=False, timeout=10) as browser:
        issued = browser.post(f"/attempts/{ada.id}/tickets", headers=token).json()
        cookie = {"Cookie": f"assay-ticket={issued['ticket']}"}

        with browser.stream("GET", f"/attempts/{ada.id}/events", headers=cookie) as answer:
            assert answer.status_code == 200
            assert next(answer.iter_lines()).startswith("id: ")
        assert browser.get(f"/attempts/{ada.id}", headers=cookie).status_code == 401
        assert browser.get("/attempts/another/events", headers=cookie).status_code == 401
        wrong = {"Cookie": "assay-ticket=guessed"}
        assert browser.get(f"/attempts/{ada.id}/events", headers=wrong).status_code == 401
        bob = {"Authorization": "token token-of-bob"}
        assert browser.post(f"/attempts/{ada.id}/tickets", headers=bob).status_code == 404
    assert issued["ticket"] not in stage.log.read_text(encoding="utf-8")


def test_tickets_are_over_after_a_minute(tmp_path: Path) -> None:
    from graders.proctor.tickets import LIFETIME, Tickets

    now = 1000.0
    tickets = Tickets(lambda: now)
    ticket = tickets.issue("a")

    assert tickets.admits(ticket, "a")
    assert not tickets.admits(ticket, "b")
    now += LIFETIME + 1
    assert not tickets.admits(ticket, "a")
    tickets.issue("b")
    assert len(tickets._valid) == 1, "what is over is forgotten"
