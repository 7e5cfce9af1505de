"""Waiting: look again until something is true, at most for so long."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from graders import clock
from graders.checks import CheckFailed

T = TypeVar("T")

FIRST_PAUSE = 0.05
LONGEST_PAUSE = 0.5


def wait_until(
    predicate: Callable[[], T],
    seconds: float,
    message: str,
    *,
    expected: object = "",
    found: Callable[[], object] | None = None,
    hint: str = "",
) -> T:
    """Look until `predicate` returns something true, and return that.

    A predicate that says no by an AssertionError (a missing object, for example) is asked again;
    any other exception ends the wait. The predicate is asked once more when the time is over.

    Args:
        predicate: asked again and again.
        seconds: how long to wait; keep it below the `seconds` of the task.
        message: one sentence for the learner when it did not become true.
        expected: what should have become true.
        found: asked for what is there instead, once the time is over.
        hint: where to look.

    Raises:
        CheckFailed: it did not become true in time.
    """
    deadline = clock.now() + seconds
    pause = FIRST_PAUSE
    while True:
        last_look = clock.now() >= deadline
        refusal: AssertionError | None = None
        try:
            if answer := predicate():
                return answer
        except AssertionError as error:
            refusal = error
        if last_look:
            raise CheckFailed(message, expected, _what_is_there(found, refusal), hint) from refusal
        clock.sleep(min(pause, max(deadline - clock.now(), 0)))
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _what_is_there(found: Callable[[], object] | None, refusal: AssertionError | None) -> object:
    if found is not None:
        try:
            return found()
        except AssertionError as error:
            return error
    return refusal or ""
