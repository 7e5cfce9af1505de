"""Forgery: one way to be called done without doing it, and what must come of it.

The learner is cluster-admin of their own cluster. Each forgery is tried against real labs; it is
true when it gains nothing, and when a grading that it prevents says what prevented it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graders.forgeries.intruder import Intruder


class Family(StrEnum):
    """What a forgery is about."""

    STATUS = "status"
    """Says that something is so."""
    IDENTITY = "identity"
    """Says that somebody else did it."""
    HARDWARE = "hardware"
    """Makes up nodes, drivers and devices."""
    ADMISSION = "admission"
    """Refuses or rewrites what others ask for, on its way into the cluster."""
    SHADOW = "shadow"
    """Answers in the place of Kubernetes."""
    STARVATION = "starvation"
    """Takes away what the grader or the cluster needs in order to look or to work."""
    MEDDLING = "meddling"
    """Waits for the grader's probes, and lays hands on them."""
    TRACES = "traces"
    """Hides who did what."""


class State(StrEnum):
    """What has been done in the cluster before the forgery."""

    UNTOUCHED = "untouched"
    """Nothing."""
    PAPERS = "papers"
    """Copied from a passed attempt: every object without a status. No controller has acted."""
    FLAWED = "flawed"
    """Every task that has a mutant is done as the mutant does it: nearly right."""
    DONE = "done"
    """Everything, honestly."""


@dataclass(frozen=True)
class Forgery:
    """One way to be called done without doing it."""

    name: str
    """Words with hyphens; unique."""
    family: Family
    tries: str
    """What it does, one sentence."""
    fails_because: str
    """Why that must not work, one sentence."""
    state: State
    """What it is tried on."""
    carry_out: Callable[[Intruder], None]
    """Does it; what it does is undone afterwards."""
    names: tuple[str, ...] = ()
    """A task in `error` must say one of these words: they name the cause."""
    undoes_work: bool = False
    """It destroys what was done: an honest task that it hits is rightly `failed`."""
    lasting: bool = False
    """It cannot be undone: the cluster is good for nothing else afterwards."""


CarryOut = Callable[["Intruder"], None]


def forgery(
    family: Family,
    state: State,
    *,
    fails_because: str,
    names: tuple[str, ...] = (),
    undoes_work: bool = False,
    lasting: bool = False,
) -> Callable[[CarryOut], Forgery]:
    """Make a forgery of the function that carries it out, which gives it name and description."""

    def make(carry_out: CarryOut) -> Forgery:
        name = carry_out.__name__.replace("_", "-")
        tries = " ".join((carry_out.__doc__ or "").split())
        return Forgery(
            name, family, tries, fails_because, state, carry_out, names, undoes_work, lasting
        )

    return make
