"""Appeals on the site: a learner objects, an instructor sees why, answers, and may let it count."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

from graders.report import CheckResult, Outcome

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

PREFIX = "/services/web"
LAB = f"{PREFIX}/labs/claim-a-gpu"
FORM = f"{LAB}/tasks/claim/appeal"
INBOX = f"{PREFIX}/instructor/appeals"
FOUND = CheckResult(
    task="claim", outcome=Outcome.FAILED, message="One device.", expected="2", found="1"
)


def post(browser: FlaskClient, path: str, page: str, **fields: str) -> Any:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(page).text)
    assert token
    return browser.post(path, data={"csrf_token": token[1], **fields})


def test_a_learner_objects_and_sees_that_it_waits(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim=FOUND)

    form = ada.get(FORM).text
    sent = post(ada, FORM, FORM, text="There are two.\r\nLook <again>.")
    page = ada.get(LAB).text

    assert "One device." in form
    assert (sent.status_code, sent.location) == (303, f"{LAB}#task-claim")
    assert "waits for an answer" in page
    assert "There are two.\nLook &lt;again&gt;." in page
    assert f'href="{FORM}"' not in page, "one objection at a time"
    [case] = school.ledger.appeals(attempt=attempt.id)
    assert (case.appeal.learner, case.appeal.task) == ("ada", "claim")


@pytest.mark.parametrize("task", ["read-slices", "no-such-task"])
def test_there_is_nothing_to_object_to_without_a_verdict(
    ada: FlaskClient, school: School, task: str
) -> None:
    school.check(school.attempt("ada"), claim=FOUND)

    assert ada.get(f"{LAB}/tasks/{task}/appeal").status_code == 404


def test_what_was_written_is_not_lost_when_the_proctor_says_no(
    ada: FlaskClient, school: School, hub: FakeHub
) -> None:
    school.check(school.attempt("ada"), claim=FOUND)
    hub.refusal = "the ledger is away"

    reply = post(ada, FORM, FORM, text="There are two.")

    assert reply.status_code == 400
    assert "the ledger is away" in reply.text
    assert "There are two.</textarea>" in reply.text


def test_an_instructor_sees_an_appeal_with_what_was_found_and_answers(
    ada: FlaskClient, grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    report = school.check(attempt, claim=FOUND)
    case = school.ledger.add_appeal(attempt.id, "claim", "There are two.")

    inbox = grace.get(INBOX).text
    answered = post(
        grace, f"{INBOX}/{case.appeal.id}", INBOX, text="Only one is ready.", accepted="no"
    )
    mine = ada.get(LAB).text

    assert "One device." in inbox
    assert f"/instructor/attempts/{attempt.id}/reports/{report.id}#task-claim" in inbox
    assert (answered.status_code, answered.location) == (303, INBOX)
    assert "Nothing waits" in grace.get(INBOX).text
    assert "There are two." in grace.get(f"{INBOX}?all=1").text
    assert "the verdict stands" in mine
    assert "Only one is ready." in mine
    assert f'href="{FORM}"' in mine, "they may object again"
    assert school.ledger.overrides() == []


def test_an_appeal_that_is_right_may_let_the_task_count(
    ada: FlaskClient, grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim=FOUND)
    case = school.ledger.add_appeal(attempt.id, "claim", "There are two.")

    post(
        grace,
        f"{INBOX}/{case.appeal.id}",
        INBOX,
        text="You are right.",
        accepted="yes",
        count="yes",
    )
    document = ada.get(f"{LAB}?format=json").get_json()
    table = grace.get(f"{PREFIX}/instructor?format=json").get_json()

    task = next(task for task in document["tasks"] if task["id"] == "claim")
    assert (task["done"], task["outcome"]) == (True, "failed")
    assert task["override"]["reason"] == "You are right."
    assert document["progress"]["points"] == 20
    assert table["learners"][0]["tasks"]["claim"] == "done"
    assert table["done"]["claim"] == 1


def test_a_page_that_polls_hears_of_an_answer(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim=FOUND)
    case = school.ledger.add_appeal(attempt.id, "claim", "There are two.")
    seen = re.search(r'hx-get="[^"]*seen=([^"&]+)"', ada.get(LAB).text)
    assert seen

    before = ada.get(f"{LAB}/work?seen={seen[1]}").status_code
    school.ledger.answer_appeal(
        case.appeal.id, instructor="grace", accepted=False, text="Only one is ready."
    )
    after = ada.get(f"{LAB}/work?seen={seen[1]}")

    assert before == 204
    assert "Only one is ready." in after.text


@pytest.mark.parametrize("who", ["ada", "carol"])
def test_only_instructors_answer(
    who: str, request: pytest.FixtureRequest, school: School, hub: FakeHub
) -> None:
    browser: FlaskClient = request.getfixturevalue(who)
    attempt = school.attempt("ada")
    case = school.ledger.add_appeal(attempt.id, "claim", "There are two.")

    page = browser.get(INBOX)
    answer = post(browser, f"{INBOX}/{case.appeal.id}", f"{PREFIX}/", text="Yes.", accepted="yes")

    assert (page.status_code, answer.status_code) == (403, 403)
    assert school.ledger.appeal(case.appeal.id).open
