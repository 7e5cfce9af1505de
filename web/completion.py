"""Completion: which labs of a path a learner has done, and the signed reports that prove it.

A lab is done when one attempt with enough assurance has every task done, as the lab is now. What
an instructor decided by hand counts, and is named in the credential.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from clusters.errors import InputInvalid, NotFound
from graders.assurance import Assurance
from graders.catalogue import find_lab
from graders.lab import Lab
from graders.ledger import Attempt, Ledger
from graders.ledger.ledger import SignedReport
from web.credentials import GradedLab, Settled
from web.paths import Path
from web.proof import RANKS, Proof, prove

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

    def _complete(self, learner: str, lab: Lab, least: Assurance) -> list[_Done]:
        """Return the attempts that count: those with most assurance first, then the earliest."""
        found = []
        for attempt in reversed(self._ledger.attempts(learner, lab.slug)):
            reports = self._ledger.reports(attempt.id)
            overrides = self._ledger.overrides(attempt.id)
            if proof := prove(lab.task_ids, reports, overrides, least):
                found.append(_Done(attempt, proof))
        return sorted(found, key=lambda done: RANKS.index(done.proof.assurance), reverse=True)

    def _done(self, attempt: Attempt) -> set[str]:
        progress = self._ledger.progress(attempt.id)
        return {task for task, state in progress.items() if state.done}

    def _graded(self, learner: str, lab: Lab, least: Assurance) -> GradedLab:
        attempt, proof = self._complete(learner, lab, least)[0]
        last = proof.reports[-1] if proof.reports else None
        versions = last.versions if last else {}
        links = _links(self._ledger.signed_reports(attempt.id))
        stated = _links(self._ledger.signed_statements(attempt.id))
        return GradedLab(
            slug=lab.slug,
            title=lab.title,
            version=last.lab_version if last else attempt.lab_version,
            attempt=attempt.id,
            seed=attempt.seed,
            # What is signed goes before what is only stored.
            kubernetes=versions.get("kubernetes") or attempt.kubernetes,
            provider=versions.get("provider") or attempt.provider,
            assurance=proof.assurance.value,
            points=lab.points,
            tasks=lab.task_ids,
            done_at=proof.done_at,
            reports=tuple(links[report.id] for report in proof.reports),
            bundles=tuple(report.evidence for report in proof.reports if report.evidence),
            overrides=tuple(Settled(o.task, stated[o.id]) for o in proof.overrides),
        )


class _Done(NamedTuple):
    """An attempt in which a lab was done, and what proves it."""

    attempt: Attempt
    proof: Proof


def _links(signed: Iterable[SignedReport]) -> dict[str, str]:
    """Return the links of what was signed, by id."""
    return {str(json.loads(entry.body)["id"]): entry.link for entry in signed}
