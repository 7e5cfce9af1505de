"""More time, rest, and the operator's view, over real HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running


def test_a_learner_extends_their_own_attempt_until_it_is_enough(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        (attempt,) = ada.get("/attempts").json()
        longer = ada.post("/attempts/ada-tiny/extend")
        again = ada.post("/attempts/ada-tiny/extend")

    assert longer.json()["deadline_at"] > attempt["deadline_at"]
    assert again.status_code == 409
    assert proctor.problem_of(again) == "it was extended as often as one may"


def test_nobody_else_extends_it(proctor: Running) -> None:
    proctor.start()
    for who in ("bob", "grace"):
        with proctor.as_(who) as other:
            assert other.post("/attempts/ada-tiny/extend").status_code == 404


def test_only_the_spawner_says_that_a_notebook_was_closed(proctor: Running) -> None:
    proctor.start()
    seat = {"learner": "ada", "lab": "tiny"}
    with proctor.as_("ada") as ada:
        assert ada.post("/pauses", json=seat).status_code == 401
    with proctor.spawner() as spawner:
        assert spawner.post("/pauses", json=seat).json() == {"paused": True}
        assert spawner.post("/pauses", json={**seat, "learner": "bob"}).json() == {"paused": False}


def test_operators_see_who_waits_and_learners_do_not(proctor: Running) -> None:
    proctor.attempts.broker.wait("bob/tiny")

    with proctor.as_("grace") as grace:
        found = grace.get("/clusters").json()
    with proctor.as_("ada") as ada:
        assert ada.get("/clusters").status_code == 403

    assert found["waiting"] == ["bob/tiny"]
    assert (found["leases"], found["pool"], found["problem"]) == ([], [], "")
    assert found["limit"] >= 1
    assert "assay_queue_length 1.0" in proctor.metrics()
