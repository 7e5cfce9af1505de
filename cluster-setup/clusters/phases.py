"""Progress of anything that takes longer than a second, as a stream of phases."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Phase:
    """One step that has begun or ended."""

    name: str
    """Stable identifier, for example `api-server`."""
    message: str
    """What a person reads, for example `Starting the API server`."""
    percent: int
    """How far the whole thing is, 0 to 100."""
    seconds: float | None = None
    """How long the step took; None while it runs."""


OnPhase = Callable[[Phase], None]
"""Who listens to phases; must return quickly and not raise."""


def ignore(phase: Phase) -> None:
    """Listen to nobody."""


@contextmanager
def timed(on_phase: OnPhase, name: str, message: str, percent: int) -> Iterator[None]:
    """Report a phase when it begins and, with its time, when it ends without an error.

    Args:
        on_phase: who listens.
        name: stable identifier of the phase.
        message: what a person reads.
        percent: how far the whole is once this phase is done.
    """
    began = time.monotonic()
    on_phase(Phase(name, message, percent))
    yield
    on_phase(Phase(name, message, percent, time.monotonic() - began))
