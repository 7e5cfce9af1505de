"""The instructor's table: marks, totals, downloads, and how little it asks of the database."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from graders.ledger.tables import AttemptRow, ReportRow, VerdictRow

if TYPE_CHECKING:
    from tests.web.conftest import School

PREFIX = "/services/web"
TABLE = f"{PREFIX}/instructor"
TASKS = ("read-slices", "claim", "repair")


def rows_of(browser: FlaskClient, query: str = "") -> dict[str, dict[str, Any]]:
    document = browser.get(f"{TABLE}?format=json{query}").get_json()
    return {row["learner"]: row for row in document["learners"]}


def test_each_mark_means_what_the_newest_verdict_says(grace: FlaskClient, school: School) -> None:
    attempt = school.attempt("ada")
    school.check(attempt, read_slices="passed", claim="failed", repair="error")
    school.attempt("bob")

    rows = rows_of(grace)

    assert rows["ada"]["tasks"] == {
        "read-slices": "done",
        "claim": "not-yet",
        "repair": "no-verdict",
    }
    assert set(rows["bob"]["tasks"].values()) == {"untried"}


def test_the_table_shows_marks_to_eyes_and_to_screen_readers(
    grace: FlaskClient, school: School
) -> None:
    school.check(school.attempt("ada"), read_slices="passed", claim="failed", repair="error")
    school.attempt("bob")

    html = grace.get(TABLE).text

    for symbol, label in (
        ("✓", "done"),
        ("✗", "not yet"),
        ("!", "could not check"),
        ("\N{EN DASH}", "not checked"),
    ):
        assert f'aria-hidden="true">{symbol}</span><span class="hidden">{label}</span>' in html


def test_the_live_attempt_is_shown_and_the_best_one_counts(
    grace: FlaskClient, school: School
) -> None:
    best = school.attempt("ada", started_at="2026-01-01T10:00:00Z")
    school.check(best, "2026-01-01T10:30:00Z", read_slices="passed", claim="passed")
    school.end(best)
    live = school.attempt("ada")
    school.check(live, repair="failed")

    [row] = rows_of(grace).values()

    assert row["tasks"] == {"read-slices": "untried", "claim": "untried", "repair": "not-yet"}
    assert (row["points"], row["attempts"], row["working"]) == (30, 2, True)


def test_the_foot_counts_who_ever_did_each_task(grace: FlaskClient, school: School) -> None:
    for name in ("ada", "bob"):
        attempt = school.attempt(name)
        school.check(attempt, claim="passed")
        school.check(attempt, claim="passed")
    school.check(school.attempt("eve"), claim="failed")

    document = grace.get(f"{TABLE}?format=json").get_json()

    assert document["done"] == {"read-slices": 0, "claim": 2, "repair": 0}


def test_each_lab_has_its_table(grace: FlaskClient, school: School) -> None:
    school.attempt("ada", lab="serve-a-model")

    assert rows_of(grace, "&lab=claim-a-gpu") == {}
    assert list(rows_of(grace, "&lab=serve-a-model")) == ["ada"]
    assert "Nobody has started it yet" in grace.get(f"{TABLE}?lab=claim-a-gpu").text
    assert grace.get(f"{TABLE}?lab=nope").status_code == 404


def test_learners_are_found_by_a_part_of_their_name(grace: FlaskClient, school: School) -> None:
    for name in ("Émile", "emil_100%", "bob"):
        school.attempt(name)

    assert list(rows_of(grace, "&q=EMIL")) == ["emil_100%"]
    assert list(rows_of(grace, "&q=%25")) == ["emil_100%"]
    assert "No learner of this lab has “zoe”" in grace.get(f"{TABLE}?q=zoe").text


def test_names_stand_in_the_order_people_expect(grace: FlaskClient, school: School) -> None:
    for name in ("zoe", "émile", "Bob", "ada", "eve"):
        school.attempt(name)

    assert list(rows_of(grace)) == ["ada", "Bob", "émile", "eve", "zoe"]


def test_the_csv_holds_every_learner_and_no_formula(grace: FlaskClient, school: School) -> None:
    school.check(school.attempt("=HYPERLINK(1)"), claim="passed")
    school.attempt('ann "the, comma"\nlee')

    reply = grace.get(f"{TABLE}/table.csv?lab=claim-a-gpu")
    head, *rows = csv.reader(io.StringIO(reply.text, newline=""))

    assert reply.content_type == "text/csv; charset=utf-8"
    assert "claim-a-gpu.csv" in reply.headers["Content-Disposition"]
    assert head == ["learner", *TASKS, "points", "of", "attempts", "last_activity"]
    assert [row[0] for row in rows] == ["'=HYPERLINK(1)", 'ann "the, comma"\nlee']
    assert rows[0][1:6] == ["untried", "done", "untried", "20", "60"]


def test_an_instructor_sees_the_progress_of_one_learner(grace: FlaskClient, school: School) -> None:
    school.check(school.attempt("ada"), claim="failed")

    html = grace.get(f"{TABLE}/learner?name=ada").text

    assert "<h1>ada</h1>" in html
    assert "claim is failed." in html
    assert grace.get(f"{TABLE}/learner?name=nobody").status_code == 404


LEARNERS, TRIES = 1000, 10


@pytest.fixture
def big_class(school: School) -> None:
    """A thousand learners with ten attempts each, and a report of three verdicts for each."""
    ids = [(n, t, f"{n:05d}{t:03d}".rjust(32, "0")) for n in range(LEARNERS) for t in range(TRIES)]
    attempts = [
        {
            "id": id,
            "learner": f"learner-{n:04d}",
            "lab": "claim-a-gpu",
            "lab_version": "1.0.0",
            "seed": 1,
            "state": "finished",
            "provider": "embedded",
            "cluster": "gone",
            "cluster_uid": "",
            "kubernetes": "v1.37.2",
            "assurance": "practice",
            "baseline": {},
            "problem": "",
            "started_at": f"2026-01-{t + 1:02d}T10:00:00Z",
            "deadline_at": f"2026-01-{t + 1:02d}T12:00:00Z",
            "finished_at": f"2026-01-{t + 1:02d}T11:00:00Z",
        }
        for n, t, id in ids
    ]
    reports = [
        {"id": id, "attempt": id, "body": b"{}", "previous": f"p{id}", "link": id, "signature": b""}
        for _, _, id in ids
    ]
    verdicts = [
        {
            "report": id,
            "attempt": id,
            "task": task,
            "outcome": "passed" if t >= place * 4 else "failed",
            "message": "",
            "at": f"2026-01-{t + 1:02d}T10:30:00Z",
        }
        for _, t, id in ids
        for place, task in enumerate(TASKS)
    ]
    with school.ledger.engine.begin() as connection:
        connection.execute(insert(AttemptRow), attempts)
        connection.execute(insert(ReportRow), reports)
        connection.execute(insert(VerdictRow), verdicts)


def test_a_thousand_learners_take_no_more_questions_than_one(
    grace: FlaskClient, big_class: None, statements: list[str]
) -> None:
    counts = {}
    for path in ("", "?page=7", "?format=json", "/table.csv"):
        statements.clear()
        reply = grace.get(f"{TABLE}{path}")
        assert reply.status_code == 200
        counts[path] = sum(statement.startswith("SELECT") for statement in statements)

    assert max(counts.values()) <= 8, counts


def test_a_long_table_comes_in_pages_and_downloads_are_whole(
    grace: FlaskClient, big_class: None
) -> None:
    first, last = grace.get(TABLE).text, grace.get(f"{TABLE}?page=999").text
    document = grace.get(f"{TABLE}?format=json").get_json()
    table = grace.get(f"{TABLE}/table.csv").text

    assert first.count('<th scope="row"><a') == 100
    assert "Page 1 of 10" in first
    assert "page=2" in first
    assert "learner-0999" in last
    assert "Page 10 of 10" in last
    assert len(document["learners"]) == LEARNERS
    assert table.count("\n") == LEARNERS + 1
    assert document["learners"][0]["attempts"] == TRIES
    assert document["learners"][0]["complete"] is True
