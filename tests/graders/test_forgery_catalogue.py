"""The catalogue of forgeries, and how what comes of one is judged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graders.forgeries import Family, Forgery, ForgeryResult, State, forgeries
from graders.forgeries.table import catalogue_table
from graders.report import CheckResult, Outcome, Report

PAGE = Path(__file__).parents[2] / "docs" / "forgeries.md"
HARMLESS = Forgery(
    name="harmless",
    family=Family.STATUS,
    tries="Does nothing.",
    fails_because="Nothing is done.",
    state=State.DONE,
    carry_out=lambda intruder: None,
    names=("webhook mine",),
)


def result_of(
    outcome: Outcome, before: Outcome, message: str = "", forgery: Forgery = HARMLESS
) -> ForgeryResult:
    report = Report(
        id="r",
        lab="a-lab",
        lab_version="1.0.0",
        attempt="a",
        learner="mallory",
        started_at="2026-01-01T00:00:00Z",
        finished_at="2026-01-01T00:00:01Z",
        results=(CheckResult(task="task", outcome=outcome, message=message),),
        cluster_uid="u",
    )
    return ForgeryResult(forgery, {"task": before}, report, 1.0)


def test_there_are_at_least_forty_with_names_of_their_own() -> None:
    names = [one.name for one in forgeries()]

    assert len(names) >= 40
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("family", Family)
def test_every_family_has_some(family: Family) -> None:
    assert [one for one in forgeries() if one.family is family]


@pytest.mark.parametrize("forgery", forgeries(), ids=lambda one: one.name)
def test_each_says_what_it_does_and_why_that_must_not_work(forgery: Forgery) -> None:
    assert forgery.tries.endswith(".")
    assert forgery.fails_because.endswith(".")
    assert "|" not in forgery.tries + forgery.fails_because


def test_the_documentation_holds_the_whole_catalogue() -> None:
    assert PAGE.read_text(encoding="utf-8").endswith(catalogue_table() + "\n")


def test_a_task_that_was_not_done_and_passes_is_a_surprise() -> None:
    [sentence] = result_of(Outcome.PASSED, Outcome.FAILED).surprises

    assert "passed, and nothing was done for it" in sentence
    assert result_of(Outcome.PASSED, Outcome.PASSED).surprises == []


def test_an_error_has_to_name_its_cause() -> None:
    named = result_of(Outcome.ERROR, Outcome.PASSED, "Refused by admission webhook mine")
    unnamed = result_of(Outcome.ERROR, Outcome.FAILED, "The check broke off")

    assert named.surprises == []
    assert "does not name the cause" in unnamed.surprises[0]


def test_honest_work_is_called_failed_only_where_it_is_destroyed() -> None:
    destroying = replace(HARMLESS, undoes_work=True)

    assert (
        "was done, and is called failed" in result_of(Outcome.FAILED, Outcome.PASSED).surprises[0]
    )
    assert result_of(Outcome.FAILED, Outcome.PASSED, forgery=destroying).surprises == []
    assert result_of(Outcome.FAILED, Outcome.FAILED).surprises == []


def test_a_forgery_that_could_not_be_carried_out_proves_nothing() -> None:
    result = ForgeryResult(HARMLESS, {}, None, 1.0, "the cluster refused it")

    assert result.surprises == ["harmless could not be carried out: the cluster refused it"]
