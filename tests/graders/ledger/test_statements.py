"""Overrides, appeals and answers: beside the verdicts, signed, and never changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from sqlalchemy import text

from clusters.errors import InputInvalid, NotFound
from graders.ledger import (
    AppealAnswered,
    AppealPending,
    Attempt,
    Effect,
    Ledger,
    export_attempt,
)
from graders.ledger.chain import link_of
from graders.report import Outcome, Report

AReport = Callable[..., Report]


@pytest.fixture
def attempt(ledger: Ledger, an_attempt: Callable[..., Attempt]) -> Attempt:
    return ledger.add_attempt(an_attempt())


def decide(ledger: Ledger, attempt: Attempt, task: str, effect: Effect) -> None:
    ledger.add_override(
        attempt.id, task, effect, instructor="grace", reason="I looked at it myself"
    )


def test_an_override_settles_a_task_and_leaves_its_verdicts_alone(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    ledger.append(a_report(attempt, one="failed", two="passed"))

    decide(ledger, attempt, "one", Effect.PASSED)
    decide(ledger, attempt, "two", Effect.FAILED)

    progress = ledger.progress(attempt.id)
    assert (progress["one"].done, progress["one"].outcome) == (True, Outcome.FAILED)
    assert (progress["two"].done, progress["two"].outcome) == (False, Outcome.PASSED)
    shown = progress["one"].to_json()["override"]
    assert (shown["instructor"], shown["reason"]) == ("grace", "I looked at it myself")
    assert list(ledger.tasks_done()[attempt.id]) == ["one"]
    assert len(ledger.reports(attempt.id)) == 1


def test_the_newest_override_holds_until_it_is_withdrawn(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    ledger.append(a_report(attempt, one="passed"))
    for effect, done in [
        (Effect.FAILED, False),
        (Effect.PASSED, True),
        (Effect.FAILED, False),
        (Effect.WITHDRAWN, True),
    ]:
        decide(ledger, attempt, "one", effect)
        assert ledger.progress(attempt.id)["one"].done is done

    assert ledger.progress(attempt.id)["one"].override is None
    assert [o.effect for o in ledger.overrides(attempt.id)] == [
        Effect.FAILED,
        Effect.PASSED,
        Effect.FAILED,
        Effect.WITHDRAWN,
    ]


def test_a_task_that_was_never_checked_can_be_overridden(ledger: Ledger, attempt: Attempt) -> None:
    decide(ledger, attempt, "one", Effect.PASSED)

    assert ledger.progress(attempt.id)["one"].done
    assert list(ledger.tasks_done()[attempt.id]) == ["one"]


def test_an_appeal_names_the_report_and_waits_for_its_answer(
    ledger: Ledger, attempt: Attempt, a_report: AReport
) -> None:
    report = a_report(attempt, one="failed")
    ledger.append(report)

    case = ledger.add_appeal(attempt.id, "one", "The Pod runs, look again.")
    with pytest.raises(AppealPending, match="not answered yet"):
        ledger.add_appeal(attempt.id, "one", "Please!")
    other = ledger.add_appeal(attempt.id, "two", "Never checked.")

    assert (case.appeal.report, other.appeal.report) == (report.id, "")
    assert ledger.appeals(lab="dra-01", open_only=True) == [case, other]
    answered = ledger.answer_appeal(
        case.appeal.id, instructor="grace", accepted=True, text="You are right."
    )
    with pytest.raises(AppealAnswered, match="grace answered"):
        ledger.answer_appeal(case.appeal.id, instructor="kay", accepted=False, text="No.")

    assert answered.answer is not None
    assert answered.answer.accepted
    assert ledger.appeal(case.appeal.id) == answered
    assert ledger.appeals(learner="ann", open_only=True) == [other]
    assert ledger.appeals(learner="bob") == []
    assert ledger.add_appeal(attempt.id, "one", "Thank you, once more.").open
    assert ledger.verify() == []


@pytest.mark.parametrize("words", ["", "  \n", "x" * 4001, "a\0b"])
def test_words_that_say_nothing_are_refused(ledger: Ledger, attempt: Attempt, words: str) -> None:
    case = ledger.add_appeal(attempt.id, "one", "Why?\nIt runs.")
    acts: list[Callable[[], object]] = [
        lambda: ledger.add_appeal(attempt.id, "two", words),
        lambda: ledger.add_override(
            attempt.id, "one", Effect.PASSED, instructor="grace", reason=words
        ),
        lambda: ledger.answer_appeal(
            case.appeal.id, instructor="grace", accepted=False, text=words
        ),
    ]
    for act in acts:
        with pytest.raises(InputInvalid):
            act()


def test_what_is_not_there_is_named(ledger: Ledger) -> None:
    acts: list[Callable[[], object]] = [
        lambda: ledger.add_appeal("nix", "one", "Hm."),
        lambda: ledger.appeal("nix"),
        lambda: ledger.answer_appeal("nix", instructor="g", accepted=True, text="Yes."),
    ]
    for act in acts:
        with pytest.raises(NotFound, match="'nix'"):
            act()


def test_of_two_instructors_at_once_one_answers(ledger: Ledger, attempt: Attempt) -> None:
    case = ledger.add_appeal(attempt.id, "one", "It runs.")

    def answer(number: int) -> bool:
        try:
            ledger.answer_appeal(
                case.appeal.id, instructor=f"i{number}", accepted=True, text="Yes."
            )
        except AppealAnswered:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(answer, range(8))) == 1
    assert ledger.verify() == []


def test_a_learner_who_presses_twice_appeals_once(ledger: Ledger, attempt: Attempt) -> None:
    def appeal(number: int) -> bool:
        try:
            ledger.add_appeal(attempt.id, "one", f"It runs {number}.")
        except AppealPending:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(appeal, range(8))) == 1


def intrude(ledger: Ledger, *statements: str, **values: Any) -> None:
    with ledger.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            names = connection.execute(text("SELECT name FROM sqlite_master WHERE type='trigger'"))
            for (name,) in names.all():
                connection.execute(text(f"DROP TRIGGER {name}"))
        else:
            connection.execute(text("SET session_replication_role = replica"))
        for statement in statements:
            connection.execute(text(statement), values)


def test_a_statement_that_was_changed_or_removed_is_found(ledger: Ledger, attempt: Attempt) -> None:
    decide(ledger, attempt, "one", Effect.PASSED)
    decide(ledger, attempt, "two", Effect.PASSED)
    decide(ledger, attempt, "three", Effect.PASSED)
    assert ledger.verify() == []
    body = ledger.overrides()[0].canonical().replace(b'"one"', b'"six"')

    intrude(
        ledger,
        "UPDATE statements SET body = :body WHERE number = 1",
        "DELETE FROM statements WHERE number = 3",
        body=body,
    )

    problems = ledger.verify()
    assert any("statement 1" in p and "changed after it was signed" in p for p in problems)
    assert "1 of 3 statements were removed" in problems


def test_statements_are_exported_as_they_were_signed(ledger: Ledger, attempt: Attempt) -> None:
    case = ledger.add_appeal(attempt.id, "one", "Es läuft doch!")
    ledger.answer_appeal(case.appeal.id, instructor="grace", accepted=False, text="It does not.")

    exported = json.loads(json.dumps(export_attempt(ledger, attempt.id)))

    key: Any = load_pem_public_key(exported["public_key"].encode())
    for entry in exported["statements"]:
        assert link_of(entry["previous"], entry["body"].encode()) == entry["link"]
        key.verify(base64.b64decode(entry["signature"]), entry["link"].encode())
    schemas = [json.loads(entry["body"])["schema"] for entry in exported["statements"]]
    assert schemas == ["assay.dev/appeal/v1", "assay.dev/answer/v1"]
