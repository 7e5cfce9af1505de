"""Points of formative cells over HTTP, by real graders, apart from every verdict."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from graders.catalogue import labs_folder
from graders.errors import GradingError
from graders.formative import grading
from graders.ledger import AttemptState

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running

PATH = "/attempts/ada-tiny/formative"
TESTS = {"schema_version": 3, "grade": True, "points": 3, "grade_id": "t", "locked": True}
ANSWER = {"schema_version": 3, "solution": True, "grade_id": "a"}
RIGHT = {"answers": [{"cell": "a", "source": "def double(x):\n    return 2 * x"}]}


def code(source: str, about: dict[str, Any]) -> dict[str, Any]:
    flags = {"grade": False, "solution": False, "locked": False, "task": False, **about}
    cell: dict[str, Any] = {"cell_type": "code", "outputs": [], "execution_count": None}
    return {"id": flags["grade_id"], **cell, "metadata": {"nbgrader": flags}, "source": source}


@pytest.fixture
def practice(proctor: Running) -> Running:
    """A proctor at which ada has an attempt at a lab with formative cells."""
    solution = "def double(x):\n    ### BEGIN SOLUTION\n    return 2 * x\n    ### END SOLUTION"
    tests = "### BEGIN HIDDEN TESTS\nassert double(21) == 42\n### END HIDDEN TESTS"
    cells = [code(solution, ANSWER), code(tests, TESTS)]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    Path(labs_folder() / "tiny" / "notebook.ipynb").write_text(json.dumps(notebook))
    proctor.attempt("ada")
    return proctor


def test_a_learner_gets_points_that_no_verdict_knows_of(practice: Running) -> None:
    with practice.as_("ada") as ada:
        before = ada.get("/attempts/ada-tiny").json()
        graded = ada.post(PATH, json=RIGHT, timeout=60)
        kept = ada.get(PATH).json()
        after = ada.get("/attempts/ada-tiny").json()

    assert graded.status_code == 200
    assert graded.json()["results"] == [
        {"cell": "t", "outcome": "passed", "points": 3.0, "max_points": 3.0,
         "message": "every test passes"}
    ]  # fmt: skip
    assert kept == [graded.json()]
    assert after == before
    assert practice.attempts.ledger.reports("ada-tiny") == []
    assert practice.attempts.ledger.verify() == []


def test_nobody_grades_or_reads_anothers_cells_but_staff_may_read(practice: Running) -> None:
    with practice.as_("bob") as bob, practice.as_("grace") as grace:
        assert bob.post(PATH, json=RIGHT).status_code == 404
        assert bob.get(PATH).status_code == 404
        assert grace.post(PATH, json=RIGHT).status_code == 404
        assert grace.get(PATH).json() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"answers": {}},
        {"answers": [{"cell": "../../etc", "source": ""}]},
        {"answers": [{"cell": "a", "source": "x" * 70_000}]},
        {"answers": [{"cell": "a", "source": ""}] * 101},
    ],
)
def test_what_is_no_answer_is_refused(practice: Running, body: Any) -> None:
    with practice.as_("ada") as ada:
        assert ada.post(PATH, json=body).status_code == 422


def test_a_lab_without_such_cells_says_so(proctor: Running) -> None:
    proctor.attempt("ada")
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    Path(labs_folder() / "tiny" / "notebook.ipynb").write_text(json.dumps(notebook))

    with proctor.as_("ada") as ada:
        answer = ada.post(PATH, json=RIGHT)

    assert answer.status_code == 404
    assert proctor.problem_of(answer) == "tiny has no formative cells; %check looks at its tasks"


def test_an_attempt_that_is_over_is_not_graded(practice: Running) -> None:
    practice.attempts.ledger.set_state("ada-tiny", AttemptState.FINISHED)

    with practice.as_("ada") as ada:
        assert ada.post(PATH, json=RIGHT).status_code == 409


def test_a_grader_that_breaks_off_counts_nothing(
    practice: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(order: Any) -> Any:
        raise GradingError("The grader of the cells ended without an answer")

    monkeypatch.setattr(grading, "have_done", broken)

    with practice.as_("ada") as ada:
        answer = ada.post(PATH, json=RIGHT)
        kept = ada.get(PATH).json()

    assert answer.status_code == 503
    assert practice.problem_of(answer) == "The grader of the cells ended without an answer"
    assert kept == []


def test_one_notebook_is_graded_once_at_a_time(
    practice: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(order: Any) -> Any:
        begun.set()
        assert go_on.wait(20)
        return {"cells": []}

    def post() -> int:
        with practice.as_("ada") as ada:
            return ada.post(PATH, json=RIGHT).status_code

    monkeypatch.setattr(grading, "have_done", slow)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(post)
        assert begun.wait(20)
        second = post()
        go_on.set()

        assert (first.result(), second, post()) == (200, 409, 200)
