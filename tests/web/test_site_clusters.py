"""The operator's page of clusters, and more time for a learner."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

from graders.ledger import AttemptState, timestamp

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

LAB = "/services/web/labs/claim-a-gpu"
PAGE = "/services/web/instructor/clusters"
SOON = timestamp(datetime.now(UTC) + timedelta(minutes=30))


def cluster(name: str, owner: str, **changes: Any) -> dict[str, Any]:
    parts = [{"name": "etcd", "pid": 7, "memory": 100 << 20, "detail": ""}]
    return {
        "name": name,
        "state": "ready",
        "owner": owner,
        "kubernetes": "v1.37.2",
        "components": parts,
        **changes,
    }


DEAD = {"name": "kwok", "pid": None, "memory": 0, "detail": ""}
FOUND = {
    "clusters": [
        cluster("lab-1", "attempt:77"),
        cluster("lab-2", "pool:abc"),
        cluster(
            "mine", "", state="degraded", components=[{"name": "kwok", "pid": None, "memory": 0}]
        ),
    ],
    "leases": [{"cluster": "lab-1", "state": "paused", "warm": True, "expires_at": SOON}],
    "pool": [{"flavour": "abc", "wanted": 3, "ready": 1, "incomplete": 1}],
    "waiting": ["bob/claim-a-gpu"],
    "wait_seconds": 720.0,
    "limit": 9,
    "memory": {"total": 24 << 30, "available": 9 << 30, "stalled": 0.0},
    "problem": "",
}


def test_an_instructor_sees_who_has_which_cluster_and_who_waits(
    grace: FlaskClient, hub: FakeHub
) -> None:
    hub.clusters = FOUND

    html = grace.get(PAGE).text
    words = " ".join(re.sub(r"<[^>]+>", " ", html).split())

    for said in (
        "Clusters: 3 of 9 that fit here",
        "Waiting ready: 1 of 3",
        "A wait would take: 12 min",
        "Memory left: 9216 of 24576 MiB",
        "lab-1 ready paused, from the pool attempt:77",
        "lab-2 ready waits ready pool:abc",
        "mine degraded: kwok made by hand nobody",
        "bob/claim-a-gpu",
    ):
        assert said in words
    assert grace.get(f"{PAGE}?format=json").get_json() == FOUND


@pytest.mark.parametrize("who", ["ada", "carol"])
def test_others_do_not(who: str, request: pytest.FixtureRequest) -> None:
    browser: FlaskClient = request.getfixturevalue(who)

    assert browser.get(PAGE).status_code == 403


def test_a_proctor_that_is_away_is_told_in_a_sentence(grace: FlaskClient, hub: FakeHub) -> None:
    hub.refusal = "the database is away"

    answer = grace.get(PAGE)

    assert answer.status_code == 502
    assert "the database is away" in answer.text


def test_more_time_is_offered_before_the_end_and_given_by_the_proctor(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    attempt = school.attempt("ada")
    assert "More time" not in ada.get(LAB).text
    soon = timestamp(datetime.now(UTC) + timedelta(minutes=10))
    school.ledger.set_state(attempt.id, AttemptState.OPEN, deadline_at=soon)

    html = ada.get(LAB).text
    token = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert token
    assert "More time" in html
    reply = ada.post(f"{LAB}/extend", data={"csrf_token": token[1]})

    assert (reply.status_code, reply.location) == (303, LAB)
    assert hub.extended == [(attempt.id, "ada")]
