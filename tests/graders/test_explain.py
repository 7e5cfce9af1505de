"""What the end of a check means, in words."""

from __future__ import annotations

import pytest

from graders.checks import CheckFailed
from graders.errors import ClusterUnreachable
from graders.explain import LONGEST, describe, split_assertion, verdict
from graders.report import Outcome


def ended(
    error: BaseException | None = None, when: str = "call"
) -> dict[str, pytest.CallInfo[None]]:
    def body() -> None:
        if error is not None:
            raise error

    phases = ("setup", "call", "teardown")
    return {
        phase: pytest.CallInfo.from_call(body if phase == when else lambda: None, phase)  # type: ignore[arg-type]
        for phase in phases
    }


def test_a_check_that_ends_quietly_passes() -> None:
    assert verdict(ended()).outcome is Outcome.PASSED


def test_a_check_that_says_no_fails_with_its_words() -> None:
    found = verdict(ended(CheckFailed("It is off", expected="on", found="off", hint="kubectl get")))

    assert found == (Outcome.FAILED, "It is off", "on", "off", "kubectl get")


@pytest.mark.parametrize(
    ("text", "message", "explanation"),
    [
        ("it is off\nassert 3 == 4", "it is off", "assert 3 == 4"),
        (
            "assert 3 == 4\n +  where 3 = f()",
            "The task is not done",
            "assert 3 == 4\n +  where 3 = f()",
        ),
        ("", "The task is not done", ""),
    ],
)
def test_a_plain_assertion_is_split(text: str, message: str, explanation: str) -> None:
    assert split_assertion(text) == (message, explanation)


@pytest.mark.parametrize(
    "error",
    [
        KeyError("status"),
        ClusterUnreachable("The API server does not answer: connection refused"),
        ExceptionGroup("several", [AssertionError("no")]),
        RecursionError(),
        MemoryError(),
    ],
)
def test_anything_else_than_an_assertion_is_an_error(error: BaseException) -> None:
    assert verdict(ended(error)).outcome is Outcome.ERROR


@pytest.mark.parametrize("when", ["setup", "teardown"])
def test_an_assertion_outside_the_check_itself_is_an_error(when: str) -> None:
    assert verdict(ended(CheckFailed("no"), when)).outcome is Outcome.ERROR


def test_what_a_check_must_not_do_outweighs_its_answer() -> None:
    assert verdict(ended(), "The check changed files").outcome is Outcome.ERROR


def test_a_check_that_never_ran_is_an_error() -> None:
    phases = ended()
    del phases["call"]

    assert verdict(phases).outcome is Outcome.ERROR


def test_an_exception_is_described_in_one_sentence_that_names_the_place() -> None:
    error = ended(KeyError("status\nand more"))["call"].excinfo

    assert error is not None
    sentence = describe(error.value)
    assert sentence.startswith("The check broke off: KeyError: ")
    assert sentence.endswith(")")
    assert "test_explain.py:" in sentence
    assert "\n" not in sentence


def test_long_texts_are_cut() -> None:
    assert len(verdict(ended(CheckFailed("x" * 5000))).message) == LONGEST
