"""Proof: what shows that every task of a lab was done in one attempt. Pure.

Only what is signed counts: the reports with the assurance that each of them states, regrades in the
place of what they judge anew, and the decisions of instructors. The row of the attempt, which
changes during its life, decides nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graders.assurance import Assurance
from graders.ledger import Effect, Override
from graders.ledger.progress import HeldVerdict, verdicts_that_hold
from graders.ledger.statements import standing_overrides
from graders.report import Outcome, Report

RANKS = list(Assurance)
"""Assurances from the weakest to the strongest."""
Ground: TypeAlias = HeldVerdict | Override
"""What one task counts on."""


@dataclass(frozen=True)
class Proof:
    """That every task of a lab was done in one attempt, and on what each counts."""

    grounds: tuple[Ground, ...]
    """One for each task, in the order of the lab."""
    assurance: Assurance
    """The lowest that it rests on."""

    @property
    def reports(self) -> tuple[Report, ...]:
        """The reports it rests on, each once, as they were appended."""
        found = {g.report.id: g.report for g in self.grounds if isinstance(g, HeldVerdict)}
        return tuple(sorted(found.values(), key=lambda report: report.finished_at))

    @property
    def overrides(self) -> tuple[Override, ...]:
        """The decisions of instructors it rests on, in the order of the lab."""
        return tuple(ground for ground in self.grounds if isinstance(ground, Override))

    @property
    def done_at(self) -> str:
        """When the last task was done; RFC 3339, UTC."""
        return max(
            ground.at if isinstance(ground, Override) else ground.check.finished_at
            for ground in self.grounds
        )


def prove(
    tasks: Sequence[str],
    reports: Sequence[Report],
    overrides: Sequence[Override],
    least: Assurance,
) -> Proof | None:
    """Return the strongest proof that an attempt gives, None where it gives none.

    Args:
        tasks: ids of the lab's tasks.
        reports: of the attempt, oldest first.
        overrides: of the attempt, oldest first.
        least: the least assurance that counts.
    """
    for assurance in reversed(RANKS[RANKS.index(least) :]):
        grounds = _grounds(reports, overrides, assurance)
        if all(task in grounds for task in tasks):
            return Proof(tuple(grounds[task] for task in tasks), assurance)
    return None


def signed_assurance(report: Report) -> Assurance:
    """Return what a report states; one from before reports stated it proves no more than practice.

    A regrade states what its check did.
    """
    return Assurance(report.assurance) if report.assurance else Assurance.PRACTICE


def _grounds(
    reports: Sequence[Report], overrides: Sequence[Override], least: Assurance
) -> dict[str, Ground]:
    """Return what each task counts on, of all that has enough assurance: what came first."""
    enough = [held for held in verdicts_that_hold(reports) if _reaches(held.check, least)]
    grounds: dict[str, Ground] = {}
    for held in enough:
        if held.result.outcome is Outcome.PASSED:
            grounds.setdefault(held.result.task, held)
    for (_, task), override in standing_overrides(overrides).items():
        if override.effect is Effect.FAILED:
            grounds.pop(task, None)
        elif enough or least is Assurance.PRACTICE:  # an instructor does not change surroundings
            grounds[task] = override
    return grounds


def _reaches(report: Report, least: Assurance) -> bool:
    return RANKS.index(signed_assurance(report)) >= RANKS.index(least)
