"""Taking a cluster back: asked first, done by the proctor, one sentence when it cannot."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

LAB = "/services/web/labs/claim-a-gpu"
CHECKPOINTS = [
    {"to": "", "after": "", "taken_at": "2026-01-01T09:00:00.000001Z"},
    {"to": "inventory", "after": "", "taken_at": "2026-01-01T09:00:00.000001Z"},
    {"to": "claim", "after": "inventory", "taken_at": "2026-01-01T09:20:00.500000Z"},
]


@pytest.fixture(autouse=True)
def _checkpoints(hub: FakeHub) -> None:
    hub.checkpoints = CHECKPOINTS


def post_reset(browser: FlaskClient, to: str) -> Any:
    found = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(f"{LAB}/reset").text)
    assert found
    return browser.post(f"{LAB}/reset", data={"csrf_token": found[1], "to": to})


def test_the_page_asks_to_where_and_says_what_stays(ada: FlaskClient, school: School) -> None:
    school.attempt("ada")

    html = ada.get(f"{LAB}/reset").text

    assert f'href="{LAB}/reset"' in ada.get(LAB).text
    assert "Verdicts and points stay" in html
    assert re.findall(r'name="to" value="([^"]*)"', html) == ["", "inventory", "claim"]
    assert 'value="" checked' in html
    assert html.count("was done") == 2  # the lead says it too


@pytest.mark.parametrize(("chosen", "asked"), [("", None), ("claim", "claim")])
def test_the_proctor_takes_it_back_in_the_name_of_the_learner(
    ada: FlaskClient, school: School, hub: FakeHub, chosen: str, asked: str | None
) -> None:
    attempt = school.attempt("ada")

    reply = post_reset(ada, chosen)

    assert (reply.status_code, reply.location) == (303, LAB)
    assert hub.resets == [(attempt.id, "ada", asked)]


def test_without_an_attempt_there_is_nothing_to_take_back(ada: FlaskClient, hub: FakeHub) -> None:
    assert ada.get(f"{LAB}/reset").location == LAB
    assert hub.resets == []


def test_a_refusal_is_said_in_a_sentence(ada: FlaskClient, school: School, hub: FakeHub) -> None:
    school.attempt("ada")
    hub.refusal = "the cluster of a proctored attempt is not taken back: what is done is"

    page = ada.get(f"{LAB}/reset")

    assert page.status_code == 409
    assert "Your cluster stays as it is" in page.text
    assert hub.refusal in page.text
