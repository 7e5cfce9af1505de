"""The catalogue, the page of a lab, and its polled part."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from graders.ledger import AttemptState
from graders.report import CheckResult, Outcome
from web.app import create_app

if TYPE_CHECKING:
    from tests.web.conftest import School
    from tests.web.fake_hub import FakeHub

PREFIX = "/services/web"
LAB = f"{PREFIX}/labs/claim-a-gpu"


def lab_of(browser: FlaskClient, slug: str = "claim-a-gpu") -> dict[str, Any]:
    document: dict[str, Any] = browser.get(f"{PREFIX}/labs/{slug}?format=json").get_json()
    return document


def seen_in(html: str) -> str:
    found = re.search(r'hx-get="[^"]*seen=([^"&]+)"', html)
    assert found
    return found[1]


def poll(browser: FlaskClient, seen: str) -> Any:
    return browser.get(f"{LAB}/work?seen={seen}", headers={"HX-Request": "true"})


def test_the_catalogue_shows_every_lab_with_what_it_takes(ada: FlaskClient) -> None:
    html = ada.get(f"{PREFIX}/").text

    for said in ("Claim a GPU", "40 min", "3 tasks", "60 points", "scheduling", "Not started"):
        assert said in html


def test_a_lab_this_installation_cannot_run_says_why_and_cannot_be_started(
    ada: FlaskClient,
) -> None:
    cards = ada.get(f"{PREFIX}/").text
    page = ada.get(f"{PREFIX}/labs/serve-a-model").text
    document = lab_of(ada, "serve-a-model")

    reason = "It needs model servers that answer and Pod addresses and Services that carry traffic"
    assert reason in cards
    assert reason in page
    assert "/hub/spawn" not in page
    assert document["runnable"] is False


def test_an_installation_that_offers_more_can_run_it(
    home: Path, labs: Path, settings: dict[str, str], hub: FakeHub
) -> None:
    offered = "scheduling,networking,inference"
    app = create_app({**settings, "ASSAY_CAPABILITIES": offered})
    headers = {"Authorization": f"token {hub.token_of('ada')}"}

    page = app.test_client().get(f"{PREFIX}/labs/serve-a-model", headers=headers).text

    assert "/hub/spawn/ada/serve-a-model?opt-lab=serve-a-model" in page
    app.extensions["assay"].close()


def test_a_broken_lab_is_shown_to_instructors_with_every_problem(
    grace: FlaskClient, ada: FlaskClient, labs: Path
) -> None:
    [broken] = grace.get(f"{PREFIX}/?format=json").get_json()["broken"]

    assert broken["slug"] == "half-a-lab"
    assert "lab.yaml: colour: unknown key" in broken["problems"]
    assert str(labs) not in str(broken)
    assert "half-a-lab" not in ada.get(f"{PREFIX}/").text
    assert ada.get(f"{PREFIX}/?format=json").get_json()["broken"] == []


def test_without_labs_the_catalogue_says_what_to_do(
    home: Path, tmp_path: Path, settings: dict[str, str], hub: FakeHub, monkeypatch: Any
) -> None:
    monkeypatch.setenv("ASSAY_LABS", str(tmp_path / "nowhere"))
    app = create_app(settings)
    headers = {"Authorization": f"token {hub.token_of('grace')}"}

    catalogue = app.test_client().get(f"{PREFIX}/", headers=headers)
    table = app.test_client().get(f"{PREFIX}/instructor", headers=headers)

    assert "assay lab new" in catalogue.text
    assert "assay lab new" in table.text
    app.extensions["assay"].close()


@pytest.mark.parametrize("slug", ["nope", "half-a-lab", "..", "%2e%2e", "Claim-A-Gpu"])
def test_a_lab_that_is_not_there_is_404(ada: FlaskClient, slug: str) -> None:
    assert ada.get(f"{PREFIX}/labs/{slug}").status_code == 404


def test_a_new_learner_can_start(ada: FlaskClient) -> None:
    html = ada.get(LAB).text

    assert re.search(r'href="/hub/spawn/ada/claim-a-gpu\?opt-lab=claim-a-gpu">\s*Start lab', html)
    assert "Finish" not in html


def test_an_awkward_name_stays_one_part_of_the_start_link(
    sign_in: Callable[[str], FlaskClient], hub: FakeHub
) -> None:
    hub.add("ä/b?c#d", "access:services!service=web", "custom:labs:learn")

    html = sign_in("ä/b?c#d").get(LAB).text

    assert 'href="/hub/spawn/%C3%A4%2Fb%3Fc%23d/claim-a-gpu?opt-lab=claim-a-gpu"' in html


def test_while_a_cluster_is_made_one_can_watch(ada: FlaskClient, school: School) -> None:
    school.attempt("ada", state=AttemptState.STARTING)

    html = ada.get(LAB).text

    assert "Your cluster is being made" in html
    assert "Watch it start" in html


def test_a_start_that_failed_says_why_and_costs_nothing(ada: FlaskClient, school: School) -> None:
    broken = school.attempt("ada", state=AttemptState.STARTING)
    school.ledger.set_state(broken.id, AttemptState.BROKEN, problem="the disk is full")

    html = ada.get(LAB).text

    assert "the disk is full" in html
    assert "costs you nothing" in html
    assert "Start again" in html


def test_an_open_attempt_shows_what_each_check_found(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    failed = CheckResult(
        task="claim",
        outcome=Outcome.FAILED,
        message="The Pod has one device.",
        expected="two devices",
        found="one device",
        hint="kubectl get resourceclaims",
    )
    school.check(attempt, read_slices="passed", claim=failed, repair="error")

    html = ada.get(LAB).text

    for said in ("1 of 3 tasks done", "10 of 60 points", "1 h 36 min left", "Open notebook"):
        assert said in html
    for said in ("The Pod has one device.", "two devices", "kubectl get resourceclaims"):
        assert said in html
    assert "That is our fault and nothing was counted" in html


def test_the_document_of_a_lab_is_for_programs(ada: FlaskClient, school: School) -> None:
    school.check(school.attempt("ada"), read_slices="passed", claim="failed")

    document = lab_of(ada)

    assert [(t["id"], t["done"], t["outcome"]) for t in document["tasks"]] == [
        ("read-slices", True, "passed"),
        ("claim", False, "failed"),
        ("repair", False, ""),
    ]
    assert document["attempt"]["state"] == "open"
    assert document["progress"]["points"] == 10


def test_a_task_that_passed_once_stays_done(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim="passed")
    school.check(attempt, claim="failed")

    [_, claim, _] = lab_of(ada)["tasks"]

    assert claim["done"] is True
    assert claim["outcome"] == "failed"


def test_points_come_from_one_attempt_not_from_several(ada: FlaskClient, school: School) -> None:
    first = school.attempt("ada", started_at="2026-01-01T10:00:00Z")
    school.check(first, read_slices="passed", claim="passed")
    school.end(first)
    second = school.attempt("ada", started_at="2026-01-02T10:00:00Z")
    school.check(second, repair="passed")
    school.end(second)

    document = lab_of(ada)

    assert [attempt["points"] for attempt in document["attempts"]] == [30, 30]
    assert document["progress"] == {
        **document["progress"],
        "points": 30,
        "complete": False,
        "attempts": 2,
    }
    assert document["attempt"]["id"] == second.id


def test_a_complete_lab_says_so(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, read_slices="passed", claim="passed", repair="passed")
    assert "Every task is done" in ada.get(LAB).text
    school.end(attempt)

    assert "Complete" in ada.get(LAB).text
    assert "Complete" in ada.get(f"{PREFIX}/").text


def test_polling_answers_nothing_while_nothing_happens(ada: FlaskClient, school: School) -> None:
    school.attempt("ada")
    seen = seen_in(ada.get(LAB).text)

    assert poll(ada, seen).status_code == 204


def test_polling_draws_and_announces_a_new_verdict_once(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    seen = seen_in(ada.get(LAB).text)

    school.check(attempt, claim="passed", repair="failed")
    drawn = poll(ada, seen)

    assert drawn.status_code == 200
    assert drawn.content_type.startswith("text/html")
    assert "<html" not in drawn.text
    assert 'hx-swap-oob="innerHTML:#news"' in drawn.text
    assert "Repair a Pod that stays Pending: not yet." in drawn.text
    assert poll(ada, seen_in(drawn.text)).status_code == 204


def test_a_minute_that_passes_is_drawn_but_not_announced(ada: FlaskClient, school: School) -> None:
    school.attempt("ada")
    seen = seen_in(ada.get(LAB).text)
    a_minute_ago = re.sub(r"-(\d+)$", lambda m: f"-{int(m[1]) + 1}", seen)

    drawn = poll(ada, a_minute_ago)

    assert drawn.status_code == 200
    assert "hx-swap-oob" not in drawn.text


def test_polling_notices_that_an_attempt_began_and_ended(ada: FlaskClient, school: School) -> None:
    idle = seen_in(ada.get(LAB).text)
    attempt = school.attempt("ada")
    began = poll(ada, idle)
    school.end(attempt, AttemptState.EXPIRED)
    ended = poll(ada, seen_in(began.text))

    assert "Open notebook" in began.text
    assert 'hx-trigger="every 2s"' in began.text
    assert "Start again" in ended.text
    assert 'hx-trigger="every 15s"' in ended.text


def test_an_idle_poll_costs_one_question_to_the_ledger(
    app: Flask, ada: FlaskClient, school: School, statements: list[str]
) -> None:
    school.attempt("ada")
    seen = seen_in(ada.get(LAB).text)
    statements.clear()

    poll(ada, seen)

    about_work = [s for s in statements if "FROM attempts" in s]
    assert len(about_work) == 1
    assert len([s for s in statements if s.startswith("SELECT")]) == 2  # the other: the sign-in


def test_a_poll_after_the_sign_in_ended_reloads_the_page(client: FlaskClient, app: Flask) -> None:
    reply = poll(client, "0")

    assert reply.status_code == 401
    assert reply.headers["HX-Refresh"] == "true"


def test_progress_adds_up_labs_domains_and_recent_verdicts(
    ada: FlaskClient, school: School
) -> None:
    school.check(school.attempt("ada"), claim="passed", repair="failed")

    document = ada.get(f"{PREFIX}/progress?format=json").get_json()

    assert (document["points"], document["of"]) == (20, 60)
    assert document["domains"] == {"O": {"points": 0, "of": 40}, "P": {"points": 20, "of": 20}}
    assert [verdict["task"] for verdict in document["recent"]] == ["repair", "claim"]


def test_the_script_is_the_one_npm_installed(client: FlaskClient) -> None:
    reply = client.get(f"{PREFIX}/htmx.js", buffered=True)

    assert reply.status_code == 200
    assert reply.content_type.startswith("text/javascript")
    assert "htmx" in reply.text


def test_without_the_script_pages_work_and_do_not_ask_for_it(
    home: Path, labs: Path, tmp_path: Path, settings: dict[str, str], hub: FakeHub
) -> None:
    app = create_app({**settings, "ASSAY_WEB_HTMX": str(tmp_path / "missing.js")})
    headers = {"Authorization": f"token {hub.token_of('ada')}"}

    html = app.test_client().get(LAB, headers=headers).text

    assert "Start lab" in html
    assert "<script" not in html
    app.extensions["assay"].close()
