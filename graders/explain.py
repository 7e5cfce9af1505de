"""Explain: what a check's end means, in words for the learner."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from graders.checks import CheckFailed
from graders.errors import GradingError
from graders.report import Outcome

LONGEST = 1000
"""Characters of a message, or of what was found."""
NO_MESSAGE = "The task is not done"


class Unusable(GradingError):
    """A check ended in a way that says neither yes nor no."""


class Verdict(NamedTuple):
    """What a check found."""

    outcome: Outcome
    message: str
    expected: str = ""
    found: str = ""
    hint: str = ""


def verdict(phases: Mapping[str, pytest.CallInfo[None]], problem: str = "") -> Verdict:
    """Judge how set-up, call and tear-down of a check ended.

    Args:
        phases: by pytest's names `setup`, `call`, `teardown`.
        problem: what was wrong with the check's conduct; it outweighs the rest.
    """
    raised = {when: call.excinfo.value for when, call in phases.items() if call.excinfo}
    if problem:
        return _error(problem)
    if "setup" in raised:
        return _error(f"The check could not be prepared: {describe(raised['setup'])}")
    if "teardown" in raised:
        return _error(f"The check could not clean up: {describe(raised['teardown'])}")
    if "call" not in phases:
        return _error("The check did not run")
    if "call" in raised:
        return _verdict_of(raised["call"])
    return Verdict(Outcome.PASSED, "Done")


def _verdict_of(error: BaseException) -> Verdict:
    if isinstance(error, CheckFailed):
        return _failed(error.message, error.expected, error.found, error.hint)
    if isinstance(error, AssertionError):
        message, explanation = split_assertion(str(error))
        return _failed(message, found=explanation)
    return _error(describe(error))


def split_assertion(text: str) -> tuple[str, str]:
    """Split what pytest makes of a failed `assert`: its message, and pytest's explanation."""
    first, _, rest = text.partition("\n")
    if first.startswith("assert "):
        return NO_MESSAGE, text
    return first or NO_MESSAGE, rest


def describe(error: BaseException) -> str:
    """Say what an exception means, one sentence."""
    if isinstance(error, GradingError):
        return shorten(str(error))
    if isinstance(error, pytest.skip.Exception):
        return shorten(f"The check was skipped, which is no pass: {error}")
    frames = traceback.extract_tb(error.__traceback__)
    where = [frame for frame in frames if not _is_pytest(frame.filename)][-1:]
    place = f" ({Path(where[0].filename).name}:{where[0].lineno})" if where else ""
    words = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return shorten(f"The check broke off: {words}{place}")


def trace(error: BaseException) -> str:
    """Return the traceback of an exception for operators, without the frames of pytest."""
    frames = traceback.TracebackException.from_exception(error)
    part: traceback.TracebackException | None = frames
    while part is not None:
        kept = [frame for frame in part.stack if not _is_pytest(frame.filename)]
        part.stack = traceback.StackSummary.from_list(kept)
        part = part.__cause__ or part.__context__
    return "".join(frames.format())


def _is_pytest(filename: str) -> bool:
    return bool({"_pytest", "pluggy"} & set(Path(filename).parts))


def last_line(text: str) -> str:
    """Return the last line of a traceback or reason that says something."""
    lines = [line.removeprefix("E ").strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason given"


def shorten(text: str) -> str:
    """Cut a text that is too long to show."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _failed(message: str, expected: str = "", found: str = "", hint: str = "") -> Verdict:
    texts = (shorten(text) for text in (message or NO_MESSAGE, expected, found, hint))
    return Verdict(Outcome.FAILED, *texts)


def _error(message: str) -> Verdict:
    return Verdict(Outcome.ERROR, shorten(message))
