"""Timing: how often a check looks before it decides. `assert | converge | hold`.

A look is one call of the check. It ends quietly (yes), with an AssertionError (no), or with a
GradingError (it could not look).

- `assert`: one look decides.
- `converge`: it looks again until it says yes, at most for so long. What the last look says counts.
- `hold`: it converges first; then every look must say yes for so long. The first no decides and is
  not taken back, so what flaps does not pass. A look that could not be made and no violation is no
  pass: the question stays open.

The pauses between looks are drawn at random, so that nobody can be right just when we look.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from graders import clock as current
from graders.checks import CheckFailed
from graders.conduct import Misconduct
from graders.errors import GradingError

Look = Callable[[], object]

LONGEST = 300
"""Seconds that a check may wait, and seconds that it may hold."""
SHORTEST_PAUSE = 0.1
LONGEST_PAUSE = 0.5


class Mode(StrEnum):
    """How often a check looks."""

    ASSERT = "assert"
    """Once."""
    CONVERGE = "converge"
    """Until it says yes, at most `within` seconds."""
    HOLD = "hold"
    """Until it says yes, at most `within` seconds; then it must stay so for `hold` seconds."""


@dataclass(frozen=True)
class Timing:
    """How often one check looks."""

    mode: Mode = Mode.ASSERT
    within: float = 0
    """Seconds to become true; 0 asks for it at the first look."""
    hold: float = 0
    """Seconds to stay true."""


@dataclass(frozen=True)
class Clock:
    """What the time is and how it passes."""

    now: Callable[[], float] = current.now
    """Seconds since no matter when."""
    sleep: Callable[[float], None] = current.sleep


def decide(look: Look, timing: Timing, clock: Clock | None = None) -> None:
    """Look as often as the timing says; end quietly when that makes a yes.

    Args:
        look: the check.
        timing: how often.
        clock: the time; that of `graders.clock` by default.

    Raises:
        AssertionError: no.
        GradingError: it could not be found out.
    """
    clock = clock or Clock()
    if timing.mode is Mode.ASSERT:
        look()
        return
    _converge(look, timing.within, clock)
    if timing.mode is Mode.HOLD:
        _hold(look, timing.hold, clock)


def _converge(look: Look, seconds: float, clock: Clock) -> None:
    deadline = clock.now() + seconds
    while True:
        began = clock.now()
        try:
            look()
        except Misconduct:
            raise
        except (AssertionError, GradingError):
            if began >= deadline:
                raise
        else:
            return
        _pause(clock, clock.now() - began, deadline)


def _hold(look: Look, seconds: float, clock: Clock) -> None:
    """Sample until the time is over; the last sample is taken after it."""
    start = clock.now()
    deadline = start + seconds
    could_not_look: GradingError | None = None
    took = 0.0
    while clock.now() < deadline:
        _pause(clock, took, deadline)
        began = clock.now()
        try:
            look()
        except Misconduct:
            raise
        except AssertionError as error:
            raise _violation(error, began - start, seconds) from error
        except GradingError as error:
            could_not_look = error
        took = clock.now() - began
    if could_not_look is not None:
        raise could_not_look


def _pause(clock: Clock, look_took: float, deadline: float) -> None:
    """Wait at least as long as the look took, so that looking is at most half of the work."""
    pause = random.uniform(max(SHORTEST_PAUSE, look_took), LONGEST_PAUSE + look_took)
    clock.sleep(max(0.0, min(pause, deadline - clock.now())))


def _violation(error: AssertionError, after: float, seconds: float) -> CheckFailed:
    message, expected, found, hint = _said(error)
    return CheckFailed(
        f"It was done but did not stay so: {after:.1f} s later, {_as_clause(message)}",
        expected or f"the same for {seconds:g} s",
        found,
        hint or f"This must stay true for {seconds:g} s: what changes it back?",
    )


def _said(error: AssertionError) -> tuple[str, str, str, str]:
    if isinstance(error, CheckFailed):
        return error.message, error.expected, error.found, error.hint
    first, _, rest = str(error).partition("\n")
    if not first or first.startswith("assert "):
        return "", "", str(error), ""
    return first, "", rest, ""


def _as_clause(message: str) -> str:
    if not message:
        return "the check said no"
    return message[:1].lower() + message[1:] if message[1:2].islower() else message
