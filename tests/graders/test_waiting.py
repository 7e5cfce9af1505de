"""wait_until: looks until it is so, once more at the end, and never hides that nobody answers."""

from __future__ import annotations

import pytest

from graders.checks import CheckFailed
from graders.errors import ClusterUnreachable
from graders.view import Missing
from graders.waiting import wait_until


def test_it_returns_what_became_true() -> None:
    answers = iter([None, 0, "", "Running"])

    assert wait_until(lambda: next(answers), 5, "never") == "Running"


def test_a_missing_object_is_waited_for() -> None:
    looks = []

    def look() -> str:
        looks.append(1)
        if len(looks) < 3:
            raise Missing("There is no Pod lab/a")
        return "Running"

    assert wait_until(look, 5, "never") == "Running"


def test_it_looks_once_more_when_the_time_is_over() -> None:
    looks = []

    with pytest.raises(CheckFailed):
        wait_until(lambda: looks.append(1), 0, "never")

    assert len(looks) == 1


def test_the_failure_says_what_was_expected_and_what_is_there() -> None:
    with pytest.raises(CheckFailed) as failure:
        wait_until(
            lambda: False,
            0,
            "It does not run",
            expected="Running",
            found=lambda: "Pending",
            hint="x",
        )

    error = failure.value
    assert (error.message, error.expected, error.found, error.hint) == (
        "It does not run",
        "Running",
        "Pending",
        "x",
    )


def test_the_failure_says_what_was_missing_last() -> None:
    def look() -> None:
        raise Missing("There is no Pod lab/a")

    with pytest.raises(CheckFailed) as failure:
        wait_until(look, 0, "It does not run", found=look)

    assert failure.value.found == "There is no Pod lab/a"


def test_a_server_that_does_not_answer_ends_the_wait() -> None:
    def look() -> None:
        raise ClusterUnreachable("The API server does not answer: connection refused")

    with pytest.raises(ClusterUnreachable):
        wait_until(look, 60, "never")
