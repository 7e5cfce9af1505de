"""What learners, instructors and certifiers may do at the proctor, and what nobody may."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from graders.bundles.store import EvidenceStore
from graders.ledger.statements import Effect

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running

READS = (
    "/labs/tiny/attempts",
    "/labs/tiny/report-card",
    "/attempts/ada-tiny",
    "/attempts/ada-tiny/reports",
    "/attempts/ada-tiny/appeals",
    "/attempts/ada-tiny/overrides",
    "/attempts/ada-tiny/export",
    "/ledger/verification",
)
OVERRIDE = {"task": "second", "effect": "passed", "reason": "I saw it work."}
APPEAL = {"task": "first", "text": "My claim is there."}


@pytest.fixture
def checked(proctor: Running) -> Running:
    """A proctor that has checked an attempt of ada."""
    proctor.start()
    with proctor.as_("ada") as ada:
        assert ada.post("/attempts/ada-tiny/checks").status_code == 200
    return proctor


@pytest.mark.parametrize("who", ["grace", "carol"])
def test_instructors_and_certifiers_read_everybodys_work(checked: Running, who: str) -> None:
    with checked.as_(who) as staff:
        answers = {path: staff.get(path).status_code for path in READS}

    assert answers == dict.fromkeys(READS, 200)


def test_a_learner_reads_their_own_work_and_nothing_that_is_for_staff(checked: Running) -> None:
    with checked.as_("ada") as ada:
        own = {path: ada.get(path).status_code for path in READS}
    with checked.as_("bob") as bob:
        other = {path: bob.get(path).status_code for path in READS}

    staff_only = {READS[0], READS[1], READS[6], READS[7]}
    assert own == {path: 403 if path in staff_only else 200 for path in READS}
    assert other == {path: 403 if path in staff_only else 404 for path in READS}


@pytest.mark.parametrize("who", ["grace", "carol", "bob"])
def test_nobody_checks_finishes_or_appeals_for_a_learner(checked: Running, who: str) -> None:
    with checked.as_(who) as other:
        answers = {
            other.post("/attempts/ada-tiny/checks").status_code,
            other.post("/attempts/ada-tiny/finish").status_code,
            other.post("/attempts/ada-tiny/appeals", json=APPEAL).status_code,
            other.get("/attempts/ada-tiny/events").status_code,
        }

    assert answers == {403 if who == "carol" else 404}
    assert len(checked.attempts.ledger.reports("ada-tiny")) == 1
    assert checked.attempts.ledger.attempt("ada-tiny").live


@pytest.mark.parametrize("who", ["ada", "bob", "carol"])
def test_only_an_instructor_judges(checked: Running, who: str) -> None:
    with checked.as_("ada") as ada:
        case = ada.post("/attempts/ada-tiny/appeals", json=APPEAL).json()
    with checked.as_(who) as caller:
        answers = [
            caller.post("/attempts/ada-tiny/overrides", json=OVERRIDE),
            caller.post(f"/appeals/{case['id']}/answer", json={"accepted": True, "text": "Yes."}),
            caller.get("/appeals"),
        ]

    assert {answer.status_code for answer in answers} == {403}
    assert checked.attempts.ledger.overrides() == []
    assert checked.attempts.ledger.appeal(case["id"]).open


def test_the_evidence_of_a_report_is_for_those_who_judge(checked: Running) -> None:
    digest = EvidenceStore().put(b'{"schema":"assay.dev/evidence/v1","tasks":{},"objects":{}}')
    [kept] = checked.attempts.ledger.reports("ada-tiny")
    told = kept.model_copy(update={"id": "with-evidence", "evidence": digest})
    checked.attempts.ledger.append(told)
    path = "/attempts/ada-tiny/reports"
    with checked.as_("grace") as grace, checked.as_("ada") as ada:
        answer = grace.get(f"{path}/with-evidence/evidence")
        missing = [grace.get(f"{path}/{id}/evidence") for id in (kept.id, "no-such")]
        own = ada.get(f"{path}/with-evidence/evidence")

    assert answer.json()["schema"] == "assay.dev/evidence/v1"
    assert [refused.status_code for refused in missing] == [404, 404]
    assert own.status_code == 403


def test_a_certifier_works_on_no_lab(checked: Running) -> None:
    with checked.as_("carol") as carol:
        answer = carol.get("/attempts")

    assert answer.status_code == 403


def test_an_appeal_is_seen_answered_and_closed(checked: Running) -> None:
    with checked.as_("ada") as ada, checked.as_("grace") as grace:
        made = ada.post("/attempts/ada-tiny/appeals", json=APPEAL)
        again = ada.post("/attempts/ada-tiny/appeals", json=APPEAL)
        [waiting] = grace.get("/appeals?lab=tiny").json()
        answer = {"accepted": True, "text": "You are right; it counts."}
        answered = grace.post(f"/appeals/{waiting['id']}/answer", json=answer)
        twice = grace.post(f"/appeals/{waiting['id']}/answer", json=answer)
        left = grace.get("/appeals").json()
        [seen] = ada.get("/attempts/ada-tiny/appeals").json()

    assert (made.status_code, again.status_code) == (201, 409)
    assert waiting["report"] == checked.attempts.ledger.reports("ada-tiny")[0].id
    assert (answered.status_code, twice.status_code) == (200, 409)
    assert left == []
    assert seen["answer"]["text"] == "You are right; it counts."
    assert seen["answer"]["instructor"] == "grace"


def test_an_override_counts_and_stands_beside_the_verdict(checked: Running) -> None:
    with checked.as_("grace") as grace, checked.as_("ada") as ada:
        made = grace.post("/attempts/ada-tiny/overrides", json=OVERRIDE)
        tasks = {task["id"]: task for task in ada.get("/attempts/ada-tiny").json()["tasks"]}

    assert made.status_code == 201
    assert (tasks["second"]["done"], tasks["second"]["outcome"]) == (True, "failed")
    assert tasks["second"]["override"]["reason"] == "I saw it work."
    assert tasks["first"]["override"] is None
    [kept] = checked.attempts.ledger.overrides("ada-tiny")
    assert (kept.instructor, kept.effect) == ("grace", Effect.PASSED)
    assert checked.attempts.ledger.verify() == []


@pytest.mark.parametrize("path", ["overrides", "appeals"])
def test_a_task_that_the_lab_does_not_have_is_refused(checked: Running, path: str) -> None:
    with checked.as_("grace") as grace, checked.as_("ada") as ada:
        if path == "overrides":
            body = OVERRIDE | {"task": "third"}
            answer = grace.post("/attempts/ada-tiny/overrides", json=body)
        else:
            answer = ada.post("/attempts/ada-tiny/appeals", json=APPEAL | {"task": "third"})

    assert answer.status_code == 404
    assert "it has first, second" in checked.problem_of(answer)


def test_a_follower_hears_at_once_what_an_instructor_decided(checked: Running) -> None:
    with checked.as_("grace") as grace, checked.as_("ada") as ada:
        with ada.stream("GET", "/attempts/ada-tiny/events") as events:
            lines = events.iter_lines()
            assert "I saw it work" not in next(x for x in lines if x.startswith("data: "))
            grace.post("/attempts/ada-tiny/overrides", json=OVERRIDE)
            heard = next(x for x in lines if x.startswith("data: "))

    assert "I saw it work" in heard
