"""`%appeal` in a notebook: which task, why, and where the answer will be."""

from __future__ import annotations

from typing import Any

import pytest

from clusters.errors import AssayError
from hub import magics
from hub.magics import NotebookLab, unquoted
from hub.task_table import Notice, rows_of_attempt

PAGE = "http://localhost/services/web/labs/tiny"


class FakeRemoteAttempt:
    """The attempt of a notebook; remembers what was objected to."""

    def __init__(self) -> None:
        self.appeals: list[tuple[str, str]] = []

    def show(self) -> dict[str, Any]:
        return {"tasks": [{"id": "first"}, {"id": "second"}]}

    def appeal(self, task: str, text: str) -> None:
        self.appeals.append((task, text))


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Notice]:
    """What a notebook shows."""
    shown: list[Notice] = []
    monkeypatch.setattr(magics, "display", shown.append)
    return shown


def test_an_objection_is_sent_and_says_where_its_answer_will_be(shown: list[Notice]) -> None:
    attempt = FakeRemoteAttempt()

    NotebookLab(attempt, PAGE).appeal("second", "It runs.")  # type: ignore[arg-type]

    assert attempt.appeals == [("second", "It runs.")]
    assert PAGE in shown[0].sentence


@pytest.mark.parametrize(
    ("task", "text", "said"),
    [
        ("third", "It runs.", "this lab has first, second"),
        ("second", "", "%appeal TASK"),
        ("", "", "%appeal TASK"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_sent(task: str, text: str, said: str) -> None:
    attempt = FakeRemoteAttempt()

    with pytest.raises(AssayError, match=said):
        NotebookLab(attempt, PAGE).appeal(task, text)  # type: ignore[arg-type]
    assert attempt.appeals == []


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ('"It runs."', "It runs."),
        ("'It runs.'", "It runs."),
        (" It runs. ", "It runs."),
        ('"', '"'),
        ('It says "no"', 'It says "no"'),
        ("", ""),
    ],
)
def test_quotes_around_a_text_are_not_part_of_it(typed: str, meant: str) -> None:
    assert unquoted(typed) == meant


@pytest.mark.parametrize(("done", "sign"), [(True, "✓"), (False, "✗")])
def test_a_decision_of_an_instructor_is_shown_as_one(done: bool, sign: str) -> None:
    task = {
        "id": "first",
        "title": "The first",
        "points": 1,
        "done": done,
        "outcome": "error",
        "override": {"instructor": "grace", "reason": "I saw it."},
    }

    [row] = rows_of_attempt([task])

    assert (row.mark.sign, row.message) == (sign, "Decided by grace: I saw it.")
