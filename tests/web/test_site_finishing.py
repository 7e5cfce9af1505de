"""Finishing an attempt: asked first, done by the proctor, one sentence when it cannot."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask.testing import FlaskClient

from graders.ledger import Attempt, AttemptState, open_ledger, timestamp
from web.app import create_app

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

LAB = "/services/web/labs/claim-a-gpu"


def post_finish(browser: FlaskClient) -> Any:
    html = browser.get(f"{LAB}/finish").text
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found
    return browser.post(f"{LAB}/finish", data={"csrf_token": found[1]})


def test_finishing_asks_first_and_names_what_is_not_done(ada: FlaskClient, school: School) -> None:
    school.check(school.attempt("ada"), claim="passed")

    html = ada.get(f"{LAB}/finish").text

    assert "2 tasks are not done yet" in html
    assert "Read what the nodes carry" in html
    assert "will be deleted" in html


def test_finishing_is_done_by_the_proctor_in_the_name_of_the_learner(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    attempt = school.attempt("ada")

    reply = post_finish(ada)

    assert (reply.status_code, reply.location) == (303, LAB)
    assert hub.finished == [(attempt.id, "ada")]


def test_finishing_twice_is_no_error(ada: FlaskClient, school: School, hub: FakeHub) -> None:
    attempt = school.attempt("ada")
    html = ada.get(f"{LAB}/finish").text
    token = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert token
    school.end(attempt)

    reply = ada.post(f"{LAB}/finish", data={"csrf_token": token[1]})

    assert reply.status_code == 303
    assert hub.finished == []
    assert ada.get(f"{LAB}/finish").status_code == 302


def test_what_the_proctor_says_is_one_sentence(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    school.attempt("ada")
    hub.refusal = "the cluster is being checked just now"

    reply = post_finish(ada)

    assert reply.status_code == 502
    assert "Your attempt is still open" in reply.text
    assert "the cluster is being checked just now" in reply.text


def test_a_proctor_that_is_away_is_one_sentence(
    home: Path, labs: Path, settings: dict[str, str], hub: FakeHub
) -> None:
    app = create_app({**settings, "ASSAY_PROCTOR_URL": "http://127.0.0.1:1"})
    now = datetime.now(UTC)
    ledger = open_ledger()
    ledger.add_attempt(
        Attempt(
            id="a" * 32,
            learner="ada",
            lab="claim-a-gpu",
            lab_version="1.0.0",
            seed=1,
            state=AttemptState.OPEN,
            provider="embedded",
            cluster="x",
            assurance="practice",
            started_at=timestamp(now),
            deadline_at=timestamp(now + timedelta(hours=1)),
        )
    )
    ledger.close()
    browser = app.test_client()
    browser.get(hub.authorize(browser.get(LAB).location, "ada"))

    reply = post_finish(browser)

    assert reply.status_code == 502
    assert "the proctor does not answer" in reply.text
    app.extensions["assay"].close()
