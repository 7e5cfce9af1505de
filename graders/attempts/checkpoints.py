"""Checkpoints: the moments of an attempt to which its cluster can be taken back.

The first one is taken before the attempt opens, another one after each task that passed for the
first time. They are snapshots of the provider and lie with the cluster, so there is no list of ours
that could be lost; when tasks passed is in the ledger, and what was undone since in the audit log.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clusters.errors import EXIT_USAGE, AssayError, ClusterError
from clusters.provider import Cluster, ClusterProvider
from clusters.snapshots import Snapshot, Snapshots
from graders.assurance import Assurance
from graders.audit import AuditLog, Undone
from graders.errors import GradingError
from graders.ledger import Attempt, Ledger
from graders.report import Outcome, Report, Trigger
from graders.turns import turn

log = logging.getLogger("assay.attempts")

START = "start"
"""Name of the first checkpoint."""
_AFTER = "after-"
_PATIENCE = 60.0
"""Seconds that a check under way has to end before a cluster is taken back."""
_SHORT_PATIENCE = 10.0
"""... before a checkpoint is taken; nobody waits for that, and the next pass tries again."""
_SECOND = timedelta(seconds=1)
"""Reports are dated by the second, checkpoints and restores more finely."""

Passes = Mapping[str, datetime]
"""When each task passed first, of those that are not undone."""


class NotReset(AssayError):
    """The cluster of the attempt is not taken back; the sentence says why."""

    exit_code = EXIT_USAGE


@dataclass(frozen=True)
class Checkpoint:
    """A moment to which the cluster of an attempt can be taken back."""

    after: str
    """Id of the task that had just passed; empty for the start of the lab."""
    taken_at: str
    """RFC 3339 with microseconds, UTC."""

    @property
    def name(self) -> str:
        """Name of its snapshot."""
        return f"{_AFTER}{self.after}" if self.after else START

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"after": self.after, "taken_at": self.taken_at}

    @classmethod
    def of(cls, snapshot: Snapshot) -> Checkpoint | None:
        """Return the checkpoint that a snapshot is; None of one that somebody else took."""
        if snapshot.name != START and not snapshot.name.startswith(_AFTER):
            return None
        return cls(snapshot.name.removeprefix(_AFTER).removeprefix(START), snapshot.taken_at)


def first_passes(reports: Iterable[Report], undone: Sequence[Undone] = ()) -> dict[str, datetime]:
    """Return when each task passed first, as far as that is not undone.

    Args:
        reports: of one attempt, oldest first.
        undone: the times whose deeds were undone. A pass at the edge of one counts as not undone:
            then a checkpoint is chosen that is rather too early than too late.
    """
    passes: dict[str, datetime] = {}
    for report in reports:
        if report.trigger is Trigger.REGRADE:
            continue
        at = datetime.fromisoformat(report.finished_at)
        if any(_moment(p.since) <= at and at + _SECOND <= _moment(p.until) for p in undone):
            continue
        for result in report.results:
            if result.outcome is Outcome.PASSED:
                passes.setdefault(result.task, at)
    return passes


def checkpoint_before(task: str, checkpoints: Sequence[Checkpoint], passes: Passes) -> Checkpoint:
    """Return the newest checkpoint at which a task had not passed yet.

    Args:
        task: its id.
        checkpoints: oldest first, at least one.
        passes: when tasks passed.
    """
    passed_at = passes.get(task)
    if passed_at is None:
        return checkpoints[-1]
    before = [found for found in checkpoints if _moment(found.taken_at) < passed_at]
    return before[-1] if before else checkpoints[0]


def task_to_keep(checkpoints: Sequence[Checkpoint], passes: Passes) -> str:
    """Return the task that passed since the newest checkpoint; empty where there is none."""
    if not passes:
        return ""
    task = max(passes, key=lambda passed: passes[passed])
    newest = _moment(checkpoints[-1].taken_at) if checkpoints else None
    return task if newest is None or passes[task] + _SECOND > newest else ""


class Checkpoints:
    """The checkpoints of the attempts of one ledger, kept by one provider."""

    def __init__(self, ledger: Ledger, provider: ClusterProvider) -> None:
        """Take checkpoints where the provider can."""
        self._ledger = ledger
        self._provider = provider
        self._known: dict[str, set[str]] = {}
        """Tasks of each attempt for whose pass nothing has to be done any more."""
        self._threads = ThreadPoolExecutor(2, "checkpoint")

    def begin(self, cluster: Cluster) -> None:
        """Take the first checkpoint; without it the lab can be done, but not reset."""
        if self._provider.snapshots is None:
            return
        try:
            self._provider.snapshots.take(cluster.name, START)
        except (AssayError, OSError) as error:
            log.warning("cluster %s: no checkpoint is kept: %s", cluster.name, error)

    def note(self, report: Report) -> None:
        """Take a checkpoint, in the background, where tasks passed for the first time."""
        if self._provider.snapshots is None:
            return
        passed = {r.task for r in report.results if r.outcome is Outcome.PASSED}
        known = self._known.setdefault(report.attempt, set())
        if passed <= known:
            return
        known |= passed
        self._threads.submit(self._keep, self._provider.snapshots, report.attempt, passed)

    def forget(self, attempt_id: str) -> None:
        """Forget what is known of an attempt that has ended."""
        self._known.pop(attempt_id, None)

    def reachable(self, attempt: Attempt, tasks: Sequence[str]) -> dict[str, Checkpoint]:
        """Return to which checkpoint one gets, by task; the empty name stands for the whole lab.

        Raises:
            NotReset: the cluster of this attempt cannot be taken back.
            NotFound: its cluster is gone.
        """
        self._require_possible(attempt)
        cluster = self._provider.status(attempt.cluster)
        checkpoints, passes = self._found(attempt, cluster)
        return {
            "": checkpoints[0],
            **{task: checkpoint_before(task, checkpoints, passes) for task in tasks},
        }

    def take_back(self, attempt: Attempt, task: str) -> Checkpoint:
        """Take the cluster of an attempt back to before a task, or to the start without one.

        The caller holds the lock of the attempt, and its cluster is not paused.

        Raises:
            NotReset: it cannot be taken back, or a check does not end.
            NotFound: its cluster is gone.
            ClusterError: the platform could not; tried again, it is completed.
        """
        snapshots = self._require_possible(attempt)
        cluster = self._provider.status(attempt.cluster)
        try:
            with turn(cluster.grader_kubeconfig, _PATIENCE):
                checkpoints, passes = self._found(attempt, cluster)
                found = checkpoints[0]
                if task:
                    found = checkpoint_before(task, checkpoints, passes)
                snapshots.restore(cluster.name, found.name)
        except GradingError as error:
            raise ClusterError(str(error)) from error
        self.forget(attempt.id)
        return found

    def _keep(self, snapshots: Snapshots, attempt_id: str, passed: set[str]) -> None:
        try:
            attempt = self._ledger.attempt(attempt_id)
            if not attempt.live:
                return
            cluster = self._provider.status(attempt.cluster)
            # In turn, so that no probe of a check is kept with it.
            with turn(cluster.grader_kubeconfig, _SHORT_PATIENCE):
                checkpoints, passes = self._found(attempt, cluster)
                if task := task_to_keep(checkpoints, passes):
                    snapshots.take(cluster.name, Checkpoint(task, "").name)
        except (AssayError, OSError) as error:  # the attempt ended, or the next pass tries again
            self._known.get(attempt_id, set()).difference_update(passed)
            log.info("attempt %s: no checkpoint is kept: %s", attempt_id, error)

    def _found(self, attempt: Attempt, cluster: Cluster) -> tuple[list[Checkpoint], Passes]:
        snapshots = self._require_possible(attempt)
        checkpoints = [c for c in map(Checkpoint.of, snapshots.taken(cluster.name)) if c]
        if not checkpoints or checkpoints[0].after:
            raise NotReset(
                f"of attempt {attempt.id} the start was not kept; "
                f"finish it and start {attempt.lab} again"
            )
        reports = self._ledger.reports(attempt.id)
        return checkpoints, first_passes(reports, AuditLog(cluster.audit_log).undone)

    def _require_possible(self, attempt: Attempt) -> Snapshots:
        if attempt.assurance == Assurance.PROCTORED:
            raise NotReset("the cluster of a proctored attempt is not taken back: what is done is")
        if self._provider.snapshots is None:
            raise NotReset(
                f"clusters of the provider {self._provider.name} cannot be taken back; "
                f"finish this attempt and start {attempt.lab} again"
            )
        return self._provider.snapshots


def _moment(stamped: str) -> datetime:
    return datetime.fromisoformat(stamped)
