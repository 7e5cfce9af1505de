"""Figures of a report card: how many wrong ways are noticed, how steady and how fast checks are."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Any


@dataclass(frozen=True)
class Figures:
    """What a rehearsal counted."""

    mutants: int = 0
    """Wrong ways that were tried; those declared equivalent and those that came to nothing are
    not among them."""
    killed: int = 0
    """Of these, those whose task failed."""
    refused: int = 0
    """Changed fields that the API server refuses or takes for the same: no mutants at all."""
    void: int = 0
    """Mutants that came to nothing, with the reason in their run."""
    gradings: int = 0
    """How many times everything was checked."""
    verdicts_again: int = 0
    """Verdicts about a state of which there was a verdict already."""
    flips: int = 0
    """Of these, those that differ."""
    forgeries: int = 0
    """Forgeries that were tried."""
    forged: int = 0
    """Of these, those for which a task passed, or for which an error named no cause."""
    check_seconds: tuple[float, ...] = ()
    """Wall time of each check."""

    @property
    def kill_rate(self) -> float:
        """Share of mutants whose task failed, 0 to 1; 0 where none was tried."""
        return self.killed / self.mutants if self.mutants else 0.0

    @property
    def flake_rate(self) -> float:
        """Share of repeated verdicts that differ, 0 to 1."""
        return self.flips / self.verdicts_again if self.verdicts_again else 0.0

    def seconds_within(self, share: float) -> float:
        """Return how long that share of the checks takes at most, in seconds."""
        ordered = sorted(self.check_seconds)
        return ordered[max(ceil(share * len(ordered)), 1) - 1] if ordered else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the lines of the card."""
        return {
            "kill_rate": round(self.kill_rate, 4),
            "mutants": self.mutants,
            "killed": self.killed,
            "refused": self.refused,
            "void": self.void,
            "flake_rate": round(self.flake_rate, 6),
            "gradings": self.gradings,
            "forgeries": self.forgeries,
            "forged": self.forged,
            "check_seconds": {
                "median": round(self.seconds_within(0.5), 3),
                "p95": round(self.seconds_within(0.95), 3),
            },
        }
