"""Starting labs through the proctor."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from clusters.errors import ClusterError

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running


def test_only_the_spawner_starts_attempts(proctor: Running) -> None:
    order = {"learner": "ada", "lab": "tiny"}
    with proctor.as_("ada") as ada:
        answer = ada.post("/attempts", json=order)
    bearer = {"Authorization": "Bearer token-of-ada"}
    with_bearer = httpx.post(f"{proctor.url}/attempts", json=order, headers=bearer, trust_env=False)

    assert (answer.status_code, with_bearer.status_code) == (401, 401)
    assert proctor.attempts.starts == 0


def test_a_start_tells_its_phases_and_ends_with_the_attempt(proctor: Running) -> None:
    expected, *phases, last = proctor.start()

    assert "expected" in expected
    assert [(p["phase"]["name"], p["phase"]["seconds"] is None) for p in phases] == [
        ("cluster", True),
        ("cluster", False),
        ("lab", True),
        ("lab", False),
    ]
    assert last["attempt"]["learner"] == "ada"
    assert last["kubeconfig"] == "the learner's kubeconfig"
    assert last["notebook"]["nbformat"] == 4


def test_the_second_start_knows_what_to_expect(proctor: Running) -> None:
    proctor.start("ada")
    expected = proctor.start("bob")[0]["expected"]

    assert [phase["name"] for phase in expected] == ["cluster", "lab"]
    assert all(0 <= phase["p50"] <= phase["p95"] for phase in expected)


def test_two_who_ask_for_one_start_follow_the_same(proctor: Running) -> None:
    proctor.attempts.hold.clear()
    with ThreadPoolExecutor(2) as both:
        first, second = both.submit(proctor.start), both.submit(proctor.start)
        proctor.wait_until(lambda: proctor.attempts.starts == 1)
        time.sleep(0.3)  # a second start would have begun by now
        proctor.attempts.hold.set()
        lines = [first.result(), second.result()]

    assert lines[0] == lines[1]
    assert proctor.attempts.starts == 1


def test_a_start_that_fails_says_why_in_one_sentence(proctor: Running) -> None:
    proctor.attempts.problem = ClusterError("the disk is full: free some space")

    assert proctor.start()[-1] == {"error": "the disk is full: free some space"}


def test_an_unexpected_error_is_a_reference_and_no_secret(proctor: Running) -> None:
    proctor.attempts.problem = RuntimeError("password=hunter2")
    said = proctor.start()[-1]["error"]

    assert "hunter2" not in said
    assert "reference" in said


@pytest.mark.parametrize(
    "order", [{"learner": "ada"}, {"learner": "ada", "lab": "../etc"}, {"learner": "", "lab": "a"}]
)
def test_a_wrong_order_is_refused(proctor: Running, order: dict[str, str]) -> None:
    with proctor.spawner() as client:
        answer = client.post("/attempts", json=order)

    assert answer.status_code == 422
    assert "body" in proctor.problem_of(answer)


def test_a_lab_that_is_not_there_is_one_sentence_without_a_path(proctor: Running) -> None:
    said = proctor.start(lab="other")[-1]["error"]

    assert said == "there is no lab 'other' here; the catalogue shows every lab"
