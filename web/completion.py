"""Completion: which labs of a path a learner has done, and the signed reports that prove it.

A lab is done when one attempt with enough assurance has every task done, as the lab is now.
"""

from __future__ import annotations

from dataclasses import dataclass

from clusters.errors import InputInvalid, NotFound
from graders.assurance import Assurance
from graders.catalogue import find_lab
from graders.lab import Lab
from graders.ledger import Attempt, Ledger
from graders.report import Outcome, Report
from web.credentials import GradedLab
from web.paths import Path

RANKS = list(Assurance)
"""Assurances from the weakest to the strongest."""
_NAMED = 3
"""So many open tasks are named; the lab's page shows them all."""


@dataclass(frozen=True)
class Gap:
    """Why a lab of a path does not count yet."""

    lab: str
    """Slug of the lab."""
    why: str
    """One sentence."""

    def to_json(self) -> dict[str, str]:
        """Return plain JSON values."""
        return {"lab": self.lab, "why": self.why}


class Completion:
    """Reads the ledger for what learners have completed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def gaps(self, learner: str, path: Path) -> list[Gap]:
        """Return what a learner lacks for a path; nothing when it is complete."""
        found = ((slug, self._gap(learner, slug, path.assurance)) for slug in path.labs)
        return [Gap(slug, why) for slug, why in found if why]

    def graded(self, learner: str, path: Path) -> tuple[GradedLab, ...]:
        """Return the labs of a complete path, each with its best attempt and its reports."""
        return tuple(self._graded(learner, find_lab(slug), path.assurance) for slug in path.labs)

    def _gap(self, learner: str, slug: str, least: Assurance) -> str:
        try:
            lab = find_lab(slug)
        except (NotFound, InputInvalid):
            return "this installation does not have the lab"
        if self._complete(learner, lab, least):
            return ""
        if self._complete(learner, lab, Assurance.PRACTICE):
            return f"it was done with less assurance than {least.value!r}, the least that counts"
        done = [self._done(attempt) for attempt in self._ledger.attempts(learner, slug)]
        best = max(done, key=len, default=set[str]())
        left = [task for task in lab.task_ids if task not in best]
        named = ", ".join(left[:_NAMED]) + (", ..." if len(left) > _NAMED else "")
        return f"{len(left)} of {len(lab.tasks)} tasks are not done: {named}"

    def _complete(self, learner: str, lab: Lab, least: Assurance) -> list[Attempt]:
        """Return the attempts that count: those with most assurance first, then the earliest."""
        enough = [
            attempt
            for attempt in reversed(self._ledger.attempts(learner, lab.slug))
            if _rank(attempt) >= RANKS.index(least) and self._done(attempt) >= set(lab.task_ids)
        ]
        return sorted(enough, key=_rank, reverse=True)

    def _done(self, attempt: Attempt) -> set[str]:
        progress = self._ledger.progress(attempt.id)
        return {task for task, state in progress.items() if state.done}

    def _graded(self, learner: str, lab: Lab, least: Assurance) -> GradedLab:
        attempt = self._complete(learner, lab, least)[0]
        # Reports are only ever appended, so the links of those we read are the first ones.
        reports = self._ledger.reports(attempt.id)
        links = self._ledger.evidence(attempt.id)
        deciding = _deciding(reports, lab)
        last = reports[deciding[-1]]
        return GradedLab(
            slug=lab.slug,
            title=lab.title,
            version=last.lab_version,
            attempt=attempt.id,
            seed=attempt.seed,
            # What is signed goes before what is only stored.
            kubernetes=last.versions.get("kubernetes") or attempt.kubernetes,
            provider=last.versions.get("provider") or attempt.provider,
            assurance=attempt.assurance,
            points=lab.points,
            tasks=lab.task_ids,
            done_at=last.finished_at,
            reports=tuple(links[number] for number in deciding),
        )


def _deciding(reports: list[Report], lab: Lab) -> list[int]:
    """Return the positions of the reports in which the lab's tasks first passed."""
    first: dict[str, int] = {}
    for number, report in enumerate(reports):
        for result in report.results:
            if result.outcome is Outcome.PASSED:
                first.setdefault(result.task, number)
    return sorted({first[task] for task in lab.task_ids})


def _rank(attempt: Attempt) -> int:
    return RANKS.index(Assurance(attempt.assurance))
