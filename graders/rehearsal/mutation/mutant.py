"""GeneratedMutant: one thing that a step does wrongly, derived from what it does rightly."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from graders.rehearsal.mutation.fields import Place, named


class Operator(StrEnum):
    """In which way a step is wrong."""

    DROP = "drop"
    """One write is not done."""
    CHANGE = "change"
    """One field of what is written is another, or left out."""
    DECOY = "decoy"
    """One object is created under another name."""
    ELSEWHERE = "elsewhere"
    """The whole step is done in another namespace."""
    UNDO = "undo"
    """The step is done, and then everything is put back."""
    LATE = "late"
    """The step is done when its task has been checked; a second grading must then find it."""


@dataclass(frozen=True)
class GeneratedMutant:
    """One wrong way to do the step of a task."""

    task: str
    operator: Operator
    write: str = ""
    """Label of the write that is wrong; empty where the whole step is."""
    place: Place = ()
    """The field that is wrong."""
    how: str = ""
    """In which way the field is wrong."""

    @property
    def name(self) -> str:
        """`<task>/<what>`; what an author declares has drawn words replaced, as in the plan."""
        parts = (self.operator.value, self.write, named(self.place), self.how)
        return f"{self.task}/{' '.join(part for part in parts if part)}"
