"""What instructors and certifiers see: attempts with evidence, report cards, the ledger."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

from graders.bundles.store import EvidenceStore
from graders.catalogue import find_lab
from graders.digests import lab_digest
from graders.ledger import Effect
from graders.rehearsal.cards import SCHEMA, store_card

if TYPE_CHECKING:
    from tests.web.conftest import School

PREFIX = "/services/web"
ATTEMPT = f"{PREFIX}/instructor/attempts"


def post(browser: FlaskClient, path: str, page: str, **fields: str) -> Any:
    token = re.search(r'name="csrf_token" value="([^"]+)"', browser.get(page).text)
    assert token
    return browser.post(path, data={"csrf_token": token[1], **fields})


@pytest.mark.parametrize("who", ["grace", "carol"])
def test_staff_see_an_attempt_with_everything_said_about_it(
    who: str, request: pytest.FixtureRequest, school: School
) -> None:
    browser: FlaskClient = request.getfixturevalue(who)
    attempt = school.attempt("ada")
    report = school.check(attempt, claim="failed", repair="error")
    school.ledger.add_appeal(attempt.id, "claim", "There are two.")
    school.ledger.add_override(
        attempt.id, "repair", Effect.PASSED, instructor="grace", reason="I saw it run."
    )

    page = browser.get(f"{ATTEMPT}/{attempt.id}").text
    document = browser.get(f"{ATTEMPT}/{attempt.id}?format=json").get_json()

    for said in ("claim is failed.", "There are two.", "I saw it run.", "decided by hand"):
        assert said in page
    assert f"/reports/{report.id}" in page
    assert ("Sign the decision" in page) == (who == "grace"), "certifiers change nothing"
    assert "seed" not in document["attempt"]
    assert [task["mark"] for task in document["tasks"]] == ["untried", "not-yet", "done"]


def test_the_evidence_of_a_report_is_readable_and_only_text(
    grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    report = school.check(attempt, claim="failed")

    page = grace.get(f"{ATTEMPT}/{attempt.id}/reports/{report.id}").text
    document = grace.get(f"{ATTEMPT}/{attempt.id}/reports/{report.id}?format=json").get_json()

    assert "GET /apis/resource.k8s.io/v1/namespaces/work/resourceclaims" in page
    assert "200, 2 items" in page
    assert "(it did not fit into the evidence)" in page
    assert "audit log: verb=create name=two-gpus" in page
    assert "nothing: The API server does not answer" in page
    assert "2 steps did not fit" in page
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert document["evidence"]["seed"] == 7
    assert document["report"]["evidence"] == report.evidence


def test_evidence_that_was_changed_is_not_shown_as_if_it_were_not(
    grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    report = school.check(attempt, claim="failed")
    EvidenceStore().path(report.evidence).write_bytes(b"something else")

    page = grace.get(f"{ATTEMPT}/{attempt.id}/reports/{report.id}").text

    assert "was changed or damaged" in page
    assert "claim is failed." in page


@pytest.mark.parametrize("path", ["", "/reports/no-such"])
def test_what_does_not_exist_is_not_found(grace: FlaskClient, school: School, path: str) -> None:
    attempt = "no-such" if not path else school.attempt("ada").id

    assert grace.get(f"{ATTEMPT}/{attempt}{path}").status_code == 404


def test_an_instructor_settles_a_task_by_hand_and_takes_it_back(
    grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, claim="failed")
    page = f"{ATTEMPT}/{attempt.id}"

    made = post(grace, f"{page}/overrides", page, task="claim", effect="passed", reason="I saw it.")
    done = grace.get(f"{page}?format=json").get_json()["tasks"][1]
    post(grace, f"{page}/overrides", page, task="claim", effect="withdrawn", reason="I was wrong.")
    undone = grace.get(f"{page}?format=json").get_json()["tasks"][1]

    assert (made.status_code, made.location) == (303, f"{page}#task-claim")
    assert (done["mark"], undone["mark"]) == ("done", "not-yet")
    assert [o["reason"] for o in undone["overrides"]] == ["I was wrong.", "I saw it."]
    assert [o.instructor for o in school.ledger.overrides()] == ["grace", "grace"]


def test_a_decision_without_a_reason_is_refused_with_a_sentence(
    grace: FlaskClient, school: School
) -> None:
    attempt = school.attempt("ada")
    page = f"{ATTEMPT}/{attempt.id}"

    reply = post(grace, f"{page}/overrides", page, task="claim", effect="passed", reason=" ")

    assert reply.status_code == 400
    assert "reason: say something" in reply.text
    assert school.ledger.overrides() == []


def test_a_learner_sees_none_of_it(ada: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    report = school.check(attempt, claim="failed")
    pages = [
        f"{ATTEMPT}/{attempt.id}",
        f"{ATTEMPT}/{attempt.id}/reports/{report.id}",
        f"{ATTEMPT}/{attempt.id}/export",
        f"{PREFIX}/instructor/report-cards",
        f"{PREFIX}/instructor/report-cards/claim-a-gpu",
        f"{PREFIX}/ledger",
    ]
    override = post(
        ada,
        f"{ATTEMPT}/{attempt.id}/overrides",
        f"{PREFIX}/",
        task="claim",
        effect="passed",
        reason="Me.",
    )

    assert {ada.get(page).status_code for page in pages} == {403}
    assert override.status_code == 403
    assert school.ledger.overrides() == []


def test_a_certifier_finds_verifies_and_exports(carol: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.attempt("bob", lab="serve-a-model")
    report = school.check(attempt, claim="passed")

    page = carol.get(f"{PREFIX}/ledger?verify=1").text
    found = carol.get(f"{PREFIX}/ledger?lab=serve-a-model&format=json").get_json()
    export = carol.get(f"{ATTEMPT}/{attempt.id}/export")

    assert "The ledger is as the proctor signed it" in page
    assert [entry["learner"] for entry in found["attempts"]] == ["bob"]
    assert "attachment" in export.headers["Content-Disposition"]
    assert json.loads(export.get_json()["reports"][0]["body"])["id"] == report.id
    assert carol.get(f"{PREFIX}/instructor").status_code == 403
    assert "Start lab" not in carol.get(f"{PREFIX}/labs/claim-a-gpu").text


def card(folder: Path, **changes: Any) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "lab": "claim-a-gpu",
        "version": "1.0.0",
        "digest": lab_digest(folder / "claim-a-gpu"),
        "true": True,
        "killed": 41,
        "mutants": 41,
        "kill_rate": 1.0,
        "flake_rate": 0.0,
        "check_seconds": {"median": 0.05, "p95": 0.4},
        "kubernetes": ["v0.0.1"],
        "seeds": [1, 2],
        "finished_at": "2030-01-01T00:00:00Z",
        "runs": [
            {"kind": "mutant", "name": "decoy", "task": "claim", "seed": 1, "true": True,
             "seconds": 3.2, "surprises": []},
        ],
        **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "state", "said"),
    [
        ({"true": False, "problems": ["claim: passes untouched"]}, "red", "passes untouched"),
        ({}, "stale", "Rehearsed with Kubernetes v0.0.1"),
        ({"digest": "sha256:0"}, "stale", "was changed since"),
    ],
)
def test_a_lab_that_is_not_proved_says_so(
    changes: dict[str, Any],
    state: str,
    said: str,
    ada: FlaskClient,
    grace: FlaskClient,
    labs: Path,
) -> None:
    store_card(card(labs, **changes))

    catalogue = ada.get(f"{PREFIX}/?format=json").get_json()
    page = grace.get(f"{PREFIX}/instructor/report-cards/claim-a-gpu").text
    everything = grace.get(f"{PREFIX}/instructor/report-cards?format=json").get_json()

    assert find_lab("claim-a-gpu").slug == catalogue["labs"][0]["slug"]
    assert catalogue["labs"][0]["report_card"] == state
    assert 'class="proof"' in ada.get(f"{PREFIX}/").text
    assert said in page
    assert "41 of 41 (100 %)" in page
    assert "decoy" in page
    assert {entry["lab"]: entry["state"] for entry in everything["cards"]} == {
        "claim-a-gpu": state,
        "serve-a-model": "missing",
    }


def test_a_lab_without_a_card_troubles_its_authors_and_not_the_learners(
    ada: FlaskClient, grace: FlaskClient
) -> None:
    assert 'class="proof"' not in ada.get(f"{PREFIX}/").text
    assert "Nobody has proved its checks yet." in grace.get(f"{PREFIX}/").text
