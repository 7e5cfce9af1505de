"""What a badge rests on: what was signed, and never a row that somebody could change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from graders.ledger import Effect
from web.awards import NotEarned
from web.credentials import read_token

if TYPE_CHECKING:
    from graders.ledger import Attempt
    from tests.web.badges.conftest import Classroom

PASSED = {"read_slices": "passed", "claim": "passed", "repair": "passed"}


def evidence_of(classroom: Classroom, learner: str = "alice") -> dict[str, Any]:
    award = classroom.office.issue(learner, classroom.path)
    [evidence] = read_token(award.credential).payload["evidence"]
    assert isinstance(evidence, dict)
    return evidence


def strict_path(classroom: Classroom) -> Any:
    from tests.web.badges.conftest import PATH

    return classroom.write_paths({**PATH, "assurance": "isolated"})[0]


def override(classroom: Classroom, attempt: Attempt, task: str, effect: Effect) -> str:
    return classroom.ledger.add_override(
        attempt.id, task, effect, instructor="grace", reason="I saw it."
    ).id


def test_a_row_that_claims_more_than_was_signed_earns_nothing(classroom: Classroom) -> None:
    attempt = classroom.attempt("alice")
    classroom.check(attempt, **PASSED)
    with classroom.database.engine.begin() as connection:
        connection.execute(text("DROP TRIGGER attempts_refuse_update"))
        connection.execute(text("UPDATE attempts SET assurance = 'proctored'"))

    with pytest.raises(NotEarned, match="less assurance"):
        classroom.office.issue("alice", strict_path(classroom))


def test_what_was_done_in_practice_is_not_lifted_by_what_was_isolated(
    classroom: Classroom,
) -> None:
    attempt = classroom.attempt("alice", assurance="isolated")
    classroom.check(attempt, {"assurance": "practice"}, claim="passed", repair="passed")
    classroom.check(attempt, {"assurance": "isolated"}, read_slices="passed")

    with pytest.raises(NotEarned, match="less assurance"):
        classroom.office.issue("alice", strict_path(classroom))
    assert evidence_of(classroom)["assay"]["assurance"] == "practice"


def test_the_strongest_reports_that_suffice_are_those_that_are_cited(classroom: Classroom) -> None:
    attempt = classroom.attempt("alice")
    classroom.check(attempt, **PASSED)
    strong = classroom.check(attempt, {"assurance": "isolated"}, **PASSED)
    links = classroom.ledger.evidence(attempt.id)

    cited = evidence_of(classroom)["assay"]

    assert cited["assurance"] == "isolated"
    assert cited["reports"] == [f"sha256:{links[1]}"]
    assert cited["evidence"] == [strong.evidence]
    assert cited["overrides"] == []


def test_a_report_that_states_no_assurance_proves_no_more_than_practice(
    classroom: Classroom,
) -> None:
    attempt = classroom.attempt("alice", assurance="isolated")
    classroom.check(attempt, {"assurance": ""}, **PASSED)

    assert evidence_of(classroom)["assay"]["assurance"] == "practice"


def test_a_decision_by_hand_earns_the_badge_and_stands_in_it(classroom: Classroom) -> None:
    attempt = classroom.attempt("alice")
    classroom.check(attempt, read_slices="passed", claim="passed", repair="failed")
    override(classroom, attempt, "repair", Effect.PASSED)
    [statement] = classroom.ledger.signed_statements(attempt.id)

    evidence = evidence_of(classroom)

    assert evidence["assay"]["overrides"] == [
        {"task": "repair", "decision": f"sha256:{statement.link}"}
    ]
    assert "decided by hand (repair)" in evidence["narrative"]
    assert len(evidence["assay"]["reports"]) == 1


def test_a_decision_by_hand_may_take_a_task_away_and_be_withdrawn(classroom: Classroom) -> None:
    attempt = classroom.complete("alice")
    override(classroom, attempt, "claim", Effect.FAILED)

    with pytest.raises(NotEarned, match="claim"):
        classroom.office.issue("alice", classroom.path)

    override(classroom, attempt, "claim", Effect.WITHDRAWN)
    assert evidence_of(classroom)["assay"]["overrides"] == []


def test_a_decision_by_hand_changes_no_surroundings(classroom: Classroom) -> None:
    attempt = classroom.attempt("alice", assurance="isolated")
    for task in ("read-slices", "claim", "repair"):
        override(classroom, attempt, task, Effect.PASSED)

    with pytest.raises(NotEarned, match="less assurance"):
        classroom.office.issue("alice", strict_path(classroom))
    assert evidence_of(classroom)["assay"]["assurance"] == "practice"


@pytest.mark.parametrize(("again", "earned"), [("passed", True), ("failed", False)])
def test_a_regrade_takes_the_place_of_what_it_judged(
    classroom: Classroom, again: str, earned: bool
) -> None:
    attempt = classroom.attempt("alice")
    before = "failed" if earned else "passed"
    first = classroom.check(attempt, **{**PASSED, "claim": before})
    said = {"trigger": "regrade", "regrade_of": first.id, "reason": "The check was wrong."}
    classroom.check(attempt, said, claim=again)
    links = classroom.ledger.evidence(attempt.id)

    if earned:
        assert evidence_of(classroom)["assay"]["reports"] == [f"sha256:{link}" for link in links]
    else:
        with pytest.raises(NotEarned, match="claim"):
            classroom.office.issue("alice", classroom.path)
