"""Who may do what at the proctor."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import httpx
import pytest

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running


def test_health_needs_no_token(proctor: Running) -> None:
    answer = httpx.get(f"{proctor.url}/health", trust_env=False)

    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("token", "status"),
    [(None, 401), ("token unknown", 401), ("token token-for-mail", 403), ("Basic x", 401)],
)
def test_a_stranger_gets_a_sentence(proctor: Running, token: str | None, status: int) -> None:
    headers = {"Authorization": token} if token else {}
    answer = httpx.get(f"{proctor.url}/attempts", headers=headers, trust_env=False)

    assert answer.status_code == status
    assert proctor.problem_of(answer)


def test_a_token_is_asked_for_once_in_a_while(proctor: Running) -> None:
    with proctor.as_("ada") as ada:
        for _ in range(5):
            assert ada.get("/attempts").status_code == 200

    assert proctor.hub.asked == 1


def test_a_silent_hub_is_our_fault_and_said_so(proctor: Running) -> None:
    proctor.hub.shutdown()
    proctor.hub.server_close()
    with proctor.as_("ada") as ada:
        answer = ada.get("/attempts")

    assert answer.status_code == 503
    assert "hub does not answer" in proctor.problem_of(answer)


def test_a_learner_sees_only_their_own_attempts(proctor: Running) -> None:
    proctor.start("ada")
    with proctor.as_("bob") as bob:
        listed = bob.get("/attempts").json()
        answers = [
            bob.get("/attempts/ada-tiny"),
            bob.get("/attempts/ada-tiny/events"),
            bob.post("/attempts/ada-tiny/checks"),
            bob.post("/attempts/ada-tiny/finish"),
            bob.get("/attempts/no-such"),
        ]

    assert listed == []
    assert {answer.status_code for answer in answers} == {404}
    assert len({proctor.problem_of(answer) for answer in answers}) == 1, (
        "the answers tell what exists"
    )
    assert proctor.attempts.ledger.attempt("ada-tiny").live


def test_an_attempt_is_shown_without_what_gives_answers_away(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        text = ada.get("/attempts/ada-tiny").text

    assert "424242" not in text
    assert json.loads(text)["reports"] == 0
