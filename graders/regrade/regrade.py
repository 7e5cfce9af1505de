"""Regrade: compare what was said with what is said now, and write what differs beside it.

A check whose verdicts stay the same gets no new report: the ledger grows by what is new. Whoever
is killed on the way begins again; what was written is found there and not written twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from clusters.file_lock import locked
from clusters.home import home
from graders.bundles.store import EvidenceStore
from graders.digests import assay_version, grader_digest, lab_digest
from graders.lab import Lab
from graders.ledger import Ledger, timestamp
from graders.ledger.statements import require_words
from graders.regrade.bench import Judged, ToJudge, judge_all
from graders.regrade.choice import Choice, Chosen
from graders.report import CheckResult, Outcome, Report, Trigger


class Change(NamedTuple):
    """One verdict that is another one now."""

    report: Report
    """Of the check."""
    before: CheckResult
    """As it held."""
    after: CheckResult

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "attempt": self.report.attempt,
            "learner": self.report.learner,
            "report": self.report.id,
            "checked_at": self.report.finished_at,
            "task": self.after.task,
            "before": _brief(self.before),
            "after": _brief(self.after),
        }


@dataclass
class Regraded:
    """What came of a regrade."""

    lab: str
    dry_run: bool
    changes: list[Change] = field(default_factory=list)
    lacking: list[Change] = field(default_factory=list)
    """Verdicts that could not be judged anew; `after` says what the evidence lacks."""
    checks: int = 0
    """Checks that were judged anew."""
    unchanged: int = 0
    """Verdicts that stay as they are."""
    already: int = 0
    """Checks that this lab and grader had judged anew before."""
    without_evidence: int = 0
    """Checks of which no evidence was kept."""
    written: list[str] = field(default_factory=list)
    """Ids of the new reports."""

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "schema": "assay.dev/regrade/v1",
            "lab": self.lab,
            "dry_run": self.dry_run,
            "checks": self.checks,
            "unchanged": self.unchanged,
            "already": self.already,
            "without_evidence": self.without_evidence,
            "changes": [change.to_json() for change in self.changes],
            "lacking": [change.to_json() for change in self.lacking],
            "reports": self.written,
        }


def regrade(
    ledger: Ledger,
    store: EvidenceStore,
    choice: Choice,
    reason: str,
    *,
    dry_run: bool = False,
    judges: int = 0,
    on_progress: Callable[[Regraded], None] = lambda so_far: None,
) -> Regraded:
    """Judge checks anew by today's lab, without a cluster; write the reports that differ.

    Args:
        ledger: read, and written to unless `dry_run`.
        store: the evidence.
        choice: which checks.
        reason: why; stands in the new reports.
        dry_run: only say what would change.
        judges: processes to use; one for each core when 0.
        on_progress: told what is known so far, after each check.

    Raises:
        InputInvalid: the reason says nothing.
        NotFound: there is no such attempt.
        JudgeFailed: the lab's checks cannot be loaded.
    """
    require_words(reason=reason)
    with locked(home() / "locks" / f"regrade-{choice.lab.slug}"):
        work = _Work(ledger, store, choice, reason, dry_run)
        for judged in judge_all(choice.lab, work.cases(), judges):
            work.settle(judged)
            on_progress(work.so_far)
        return work.so_far


class _Work:
    def __init__(
        self, ledger: Ledger, store: EvidenceStore, choice: Choice, reason: str, dry_run: bool
    ) -> None:
        self._ledger = ledger
        self._store = store
        self._choice = choice
        self._reason = reason
        self._versions = _versions(choice.lab)
        self.so_far = Regraded(choice.lab.slug, dry_run)

    def cases(self) -> Iterator[ToJudge]:
        """Yield what is to be judged; counts the rest."""
        for attempt in self._choice.attempts(self._ledger):
            for chosen in self._choice.chosen(self._ledger.reports(attempt.id)):
                if chosen.is_judged_by(self._versions):
                    self.so_far.already += 1
                elif not chosen.report.evidence:
                    self.so_far.without_evidence += 1
                else:
                    yield self._case(chosen)

    def settle(self, judged: Judged) -> None:
        """Compare, and write a report where a verdict is another one."""
        chosen: Chosen = judged.key
        results = judged.results or tuple(
            CheckResult(task=task, outcome=Outcome.ERROR, message=judged.problem)
            for task in chosen.verdicts
        )
        self.so_far.checks += 1
        changed = False
        for after in results:
            change = Change(chosen.report, chosen.verdicts[after.task], after)
            if after.outcome is change.before.outcome:
                self.so_far.unchanged += 1
            elif after.outcome is Outcome.ERROR:
                self.so_far.lacking.append(change)
            else:
                self.so_far.changes.append(change)
                changed = True
        if changed and not self.so_far.dry_run:
            self._write(chosen, results)

    def _case(self, chosen: Chosen) -> ToJudge:
        digest = chosen.report.evidence
        return ToJudge(
            chosen, tuple(chosen.verdicts), digest, lambda: self._store.read_packed(digest)
        )

    def _write(self, chosen: Chosen, results: tuple[CheckResult, ...]) -> None:
        check = chosen.report
        before = chosen.regraded or check
        now = timestamp(datetime.now(UTC))
        report = Report(
            id=_id(before.id, self._versions, tuple(chosen.verdicts)),
            lab=check.lab,
            lab_version=self._choice.lab.version,
            attempt=check.attempt,
            learner=check.learner,
            started_at=now,
            finished_at=now,
            results=results,
            cluster_uid=check.cluster_uid,
            versions={**check.versions, **self._versions},
            trigger=Trigger.REGRADE,
            assurance=check.assurance,
            evidence=check.evidence,
            regrade_of=check.id,
            reason=self._reason,
        )
        if not self._ledger.has_report(report.id):
            self._ledger.append(report)
        self.so_far.written.append(report.id)


def _id(before: str, versions: dict[str, str], tasks: tuple[str, ...]) -> str:
    """Return the id of a regrade: the same for the same work, so that it is written once.

    What it takes the place of is part of it: a lab may go back to what it was.
    """
    words = " ".join([before, *(f"{k}={versions[k]}" for k in sorted(versions)), *tasks])
    return hashlib.sha256(words.encode()).hexdigest()[:32]


def _versions(lab: Lab) -> dict[str, str]:
    return {
        "assay": assay_version(),
        "lab": lab.version,
        "lab_digest": lab_digest(lab.folder),
        "grader": grader_digest(),
    }


def _brief(result: CheckResult) -> dict[str, str]:
    return {"outcome": result.outcome.value, "message": result.message}
