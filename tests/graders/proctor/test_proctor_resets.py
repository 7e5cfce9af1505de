"""A cluster is taken back over real HTTP: by whose it is, and nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running


def test_a_learner_takes_their_own_cluster_back(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        ways = ada.get("/attempts/ada-tiny/checkpoints").json()
        whole = ada.post("/attempts/ada-tiny/reset")
        task = ways[-1]["to"]
        part = ada.post("/attempts/ada-tiny/reset", json={"to": task})
        unknown = ada.post("/attempts/ada-tiny/reset", json={"to": "unknown"})

    assert ways[0] == {"to": "", "after": "", "taken_at": "2026-01-01T09:00:00.400000Z"}
    assert (whole.status_code, whole.json()) == (200, ways[0])
    assert part.json()["to"] == task
    assert unknown.status_code == 422
    assert proctor.problem_of(unknown) == "tiny has no task 'unknown'"
    assert proctor.attempts.resets[:2] == [("ada-tiny", ""), ("ada-tiny", task)]


def test_nobody_else_does(proctor: Running) -> None:
    proctor.start()
    for who in ("bob", "grace"):
        with proctor.as_(who) as other:
            assert other.post("/attempts/ada-tiny/reset").status_code == 404
            assert other.get("/attempts/ada-tiny/checkpoints").status_code == 404
    assert proctor.attempts.resets == []


def test_an_attempt_that_has_ended_is_not_taken_back(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        ada.post("/attempts/ada-tiny/finish")
        assert ada.post("/attempts/ada-tiny/reset").status_code == 409
        assert ada.get("/attempts/ada-tiny/checkpoints").status_code == 409
