"""Standing and totals: pure rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from graders.lab import Lab, LabDocument
from graders.ledger import AttemptState
from graders.report import Outcome
from web.standing import AttemptSummary, Mark, Standing, TaskState, standings
from web.totals import Share, by_domain, total_of


def a_lab(slug: str = "lab", **points: int) -> Lab:
    points = points or {"one": 10, "two": 20}
    document = {
        "apiVersion": "assay.dev/v1",
        "kind": "Lab",
        "id": "6c0f2a58-0000-4000-8000-000000000000",
        "slug": slug,
        "version": "1.0.0",
        "title": slug,
        "summary": slug,
        "minutes": 30,
        "tasks": [
            {"id": id, "title": id, "points": n, "domain": "PO"[place % 2]}
            for place, (id, n) in enumerate(points.items())
        ],
    }
    return Lab(Path(slug), LabDocument.model_validate(document))


def an_attempt(started: str, /, state: str = "finished", **tasks: str) -> AttemptSummary:
    values: dict[str, Any] = dict.fromkeys(
        ("lab_version", "provider", "kubernetes", "assurance", "problem", "deadline_at"), ""
    )
    return AttemptSummary(
        id=started,
        learner="ada",
        lab="lab",
        state=AttemptState(state),
        started_at=started,
        finished_at="",
        tasks={
            task: TaskState(outcome == "passed", Outcome(outcome), f"{started}.{outcome}")
            for task, outcome in tasks.items()
        },
        **values,
    )


def test_a_standing_without_attempts_is_nothing() -> None:
    standing = Standing(a_lab())

    assert (standing.points, standing.live, standing.best, standing.shown) == (0, None, None, None)
    assert standing.mark("one") is Mark.UNTRIED
    assert standing.last_activity == ""
    assert not standing.complete


def test_the_best_attempt_has_most_points_and_of_equals_is_the_newest() -> None:
    older = an_attempt("1", two="passed")
    newer = an_attempt("2", two="passed")
    less = an_attempt("3", one="passed")

    assert Standing(a_lab(), (less, newer, older)).best is newer


def test_a_broken_attempt_never_counts() -> None:
    standing = Standing(a_lab(), (an_attempt("1", "broken", one="passed", two="passed"),))

    assert standing.points == 0
    assert standing.shown is None


@pytest.mark.parametrize("state", ["open", "starting"])
def test_the_live_attempt_is_shown_before_a_better_one(state: str) -> None:
    live = an_attempt("2", state)
    best = an_attempt("1", one="passed", two="passed")
    standing = Standing(a_lab(), (live, best))

    assert standing.shown is live
    assert standing.complete


def test_points_of_tasks_the_lab_no_longer_has_do_not_count() -> None:
    standing = Standing(a_lab(one=10), (an_attempt("1", one="passed", gone="passed"),))

    assert standing.points == 10
    assert standing.complete


@pytest.mark.parametrize(
    ("done", "outcome", "mark"),
    [
        (True, Outcome.FAILED, Mark.DONE),
        (True, Outcome.ERROR, Mark.DONE),
        (False, Outcome.FAILED, Mark.NOT_YET),
        (False, Outcome.ERROR, Mark.NO_VERDICT),
    ],
)
def test_a_mark_follows_done_then_the_newest_outcome(
    done: bool, outcome: Outcome, mark: Mark
) -> None:
    assert TaskState(done, outcome, "").mark is mark


def test_attempts_are_sorted_under_their_labs() -> None:
    sorted_out = standings([a_lab("lab"), a_lab("other")], [an_attempt("2"), an_attempt("1")])

    assert [attempt.id for attempt in sorted_out["lab"].attempts] == ["2", "1"]
    assert sorted_out["other"].attempts == ()


def test_totals_add_best_attempts_and_split_them_by_domain() -> None:
    some = Standing(a_lab(one=10, two=20), (an_attempt("1", two="passed"),))
    none = Standing(a_lab(three=5))

    assert total_of([some, none]) == Share(20, 35)
    assert by_domain([some, none]) == {"O": Share(20, 20), "P": Share(0, 15)}
