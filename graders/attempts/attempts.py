"""Attempts: the front door of the proctor and of a learner at a terminal."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from clusters.broker import Broker
from clusters.broker.broker import Plans
from clusters.broker.lease import moment, stamp
from clusters.broker.pool_plan import read_plans
from clusters.errors import ClusterError, NotFound
from clusters.file_lock import locked
from clusters.phases import OnPhase, ignore
from clusters.provider import ClusterProvider
from graders.assurance import Assurance
from graders.attempts.checkpoints import Checkpoint, Checkpoints
from graders.attempts.extending import extended_deadline
from graders.attempts.grading import error_report, grading_job
from graders.attempts.keeping import keep, keep_evidence
from graders.attempts.lifecycle import Lifecycle, lock_of, rendered_lab_of
from graders.attempts.reconciliation import Reconciliation
from graders.attempts.rules import (
    AttemptEnded,
    choose_tasks,
    cluster_problem,
    draft_attempt,
    is_due,
    owner_of,
    require_capabilities,
    seat_of,
    spec_of,
    variant_of,
    version_problem,
    why_not_open,
)
from graders.bundles.held import HeldEvidence
from graders.bundles.store import EvidenceStore
from graders.catalogue import find_lab
from graders.lab import Lab
from graders.ledger import Attempt, AttemptState, Ledger
from graders.rendered_lab import render_lab
from graders.report import CheckResult, Report, Trigger
from graders.runner import grade

OnResult = Callable[[CheckResult], None]


def _tell_nobody(result: CheckResult) -> None:
    """Listen to nobody."""


class Attempts:
    """The attempts of one installation. Safe from several threads and processes."""

    def __init__(
        self, ledger: Ledger, provider: ClusterProvider, plans: Plans = read_plans
    ) -> None:
        """Keep attempts in `ledger` and their clusters with `provider`.

        Args:
            ledger: the attempts and their reports.
            provider: who makes the clusters.
            plans: says how many clusters are to wait ready.
        """
        self.ledger = ledger
        self.provider = provider
        self.broker = Broker(ledger.engine, provider, plans)
        self.evidence = EvidenceStore()
        self._held = HeldEvidence()
        self._looking: Counter[str] = Counter()
        """How many gradings look at an attempt's cluster just now, in this process."""
        self._checkpoints = Checkpoints(ledger, provider)
        self._lifecycle = Lifecycle(ledger, self.broker, self._checkpoints.begin)
        self._reconciliation = Reconciliation(ledger, self.broker, self._lifecycle)

    def start(
        self,
        learner: str,
        slug: str,
        *,
        seed: int | None = None,
        assurance: str = Assurance.PRACTICE,
        on_phase: OnPhase = ignore,
    ) -> Attempt:
        """Start a lab, or continue the attempt that is live, with everything it needs running.

        Args:
            learner: name of the learner.
            slug: the lab.
            seed: draws the parameters; random unless a test needs a certain one.
            assurance: what whoever starts the notebook knows to be true.
            on_phase: who listens to progress.

        Raises:
            NotFound: there is no such lab.
            InputInvalid: the lab has problems.
            CapabilityMissing: the lab needs more than the provider offers.
            CapacityExhausted: there is no room for one more cluster.
            AssayError: it could not be started; the attempt is broken and nothing is left of it.
        """
        lab = find_lab(slug)
        while True:
            live = self._live(learner, lab)
            attempt = live or self._draft(lab, learner, seed, Assurance(assurance))
            with locked(lock_of(attempt.id)):
                if live is None and self._admit(attempt, lab).id != attempt.id:
                    continue  # another process was faster: take its attempt
                attempt = self.ledger.attempt(attempt.id)
                if attempt.state is AttemptState.STARTING:
                    return self._lifecycle.open(attempt, lab, on_phase)
                if attempt.state is AttemptState.OPEN:
                    self.broker.resume(owner_of(attempt))
                    attempt = self._lifecycle.repair(attempt, lab, on_phase)
                if attempt.state is AttemptState.OPEN:
                    return attempt
            # It ended meanwhile, or its cluster is lost: begin a new one.

    def check(
        self,
        attempt_id: str,
        tasks: Sequence[str] | None = None,
        on_result: OnResult = _tell_nobody,
        cancel: threading.Event | None = None,
    ) -> Report:
        """Check tasks of an open attempt and append the report to the ledger.

        Args:
            attempt_id: the attempt.
            tasks: ids of tasks; all of them when None.
            on_result: told each result as soon as it is known.
            cancel: set it, from another thread, to end the check; then nothing is counted.

        Raises:
            Cancelled: `cancel` was set before the last task was settled.
            NotFound: there is no such attempt.
            AttemptEnded: it is not open.
            InputInvalid: the lab has no such task.
        """
        attempt = self.require_open(attempt_id)
        lab = find_lab(attempt.lab)
        report = self._grade(attempt, lab, choose_tasks(lab, tasks), on_result, cancel)
        return self.keep(report)

    def look(self, attempt_id: str, task: str, cancel: threading.Event) -> Report:
        """Check one task of an open attempt since something changed; nothing is appended yet.

        Raises:
            Cancelled: `cancel` was set before the task was settled.
            NotFound: there is no such attempt.
            AttemptEnded: it is not open.
        """
        attempt = self.require_open(attempt_id)
        lab = find_lab(attempt.lab)
        tasks = choose_tasks(lab, [task])
        return self._grade(attempt, lab, tasks, _tell_nobody, cancel, Trigger.LIVE)

    def keep(self, report: Report) -> Report:
        """Append to the ledger what a look has found, with its evidence; return it as it is there.

        Raises:
            LedgerError: it could not be appended.
        """
        report = keep_evidence(report, self._held, self.evidence)
        keep(self.ledger, report)
        self._checkpoints.note(report)
        return report

    def checkpoints(self, attempt_id: str) -> dict[str, Checkpoint]:
        """Return where `reset` leads, by task; the empty name stands for the whole lab.

        Raises:
            NotFound: there is no such attempt.
            AttemptEnded: it is not open.
            NotReset: its cluster cannot be taken back.
        """
        attempt = self.require_open(attempt_id)
        return self._checkpoints.reachable(attempt, find_lab(attempt.lab).task_ids)

    def reset(self, attempt_id: str, task: str = "") -> Checkpoint:
        """Take the cluster of an open attempt back; verdicts stay, and so does its time.

        Args:
            attempt_id: the attempt.
            task: to how things were before this task; to the start of the lab without one.

        Raises:
            NotFound: there is no such attempt.
            AttemptEnded: it is not open.
            InputInvalid: the lab has no such task.
            NotReset: its cluster cannot be taken back.
            ClusterError: the platform could not; ask again.
        """
        attempt = self.require_open(attempt_id)
        if task:
            choose_tasks(find_lab(attempt.lab), [task])
        with self._in_use(attempt), locked(lock_of(attempt.id)):
            attempt = self.require_open(attempt_id)  # it may have ended meanwhile
            self.broker.resume(owner_of(attempt))
            return self._checkpoints.take_back(attempt, task)

    def audit_log(self, attempt: Attempt) -> Path:
        """Return the audit log of an attempt's cluster; it need not be there.

        Raises:
            NotFound: the cluster is gone.
        """
        return self.provider.status(attempt.cluster).audit_log

    def finish(self, attempt_id: str) -> Attempt:
        """End an attempt and delete its cluster; one that has ended stays as it is.

        Raises:
            NotFound: there is no such attempt.
        """
        self._checkpoints.forget(attempt_id)
        return self._lifecycle.end(attempt_id, AttemptState.FINISHED)

    def extend(self, attempt_id: str) -> Attempt:
        """Give an open attempt more time, by the minutes of its lab.

        Raises:
            NotFound: there is no such attempt.
            AttemptEnded: it is not open.
            NotExtended: it was extended as often as one may.
        """
        attempt = self.require_open(attempt_id)
        until = extended_deadline(attempt, find_lab(attempt.lab))
        self.broker.extend(owner_of(attempt), until)  # first: a lease may well last longer
        return self.ledger.set_state(
            attempt_id,
            AttemptState.OPEN,
            only_from={AttemptState.OPEN},
            deadline_at=stamp(until),
        )

    def pause(self, learner: str, slug: str) -> bool:
        """Freeze the cluster of a learner who went away; return whether it is frozen.

        Whatever needs the cluster lets it run on where it was: a start, a check.
        """
        attempt = self.ledger.live_attempt(learner, slug)
        if attempt is None or attempt.state is not AttemptState.OPEN or self._looking[attempt.id]:
            return False
        with locked(lock_of(attempt.id)):
            return self.broker.pause(owner_of(attempt))

    def reconcile(self) -> list[str]:
        """Put right what time and faults have done; return what was done, a sentence each.

        Ends attempts whose time is over, gives up starts that were interrupted, deletes clusters
        that no live attempt needs, and starts dead components again.
        """
        return [*self.tidy(), *self._reconciliation.revive()]

    def tidy(self) -> list[str]:
        """Do the quick part of `reconcile`: everything but starting components again."""
        return [
            *self._reconciliation.expire(),
            *self._reconciliation.give_up_interrupted(),
            *self._reconciliation.delete_orphans(),
            *self._reconciliation.end_leases(),
            *self._reconciliation.sweep_evidence(self.evidence),
        ]

    def require_open(self, attempt_id: str) -> Attempt:
        """Return an attempt that can be worked on; one whose time is over is ended here.

        Raises:
            NotFound: there is no such attempt.
            AttemptEnded: it is not open; the sentence says why and what to do.
        """
        attempt = self.ledger.attempt(attempt_id)
        if attempt.live and is_due(attempt):
            attempt = self._lifecycle.end(attempt_id, AttemptState.EXPIRED)
        if attempt.state is not AttemptState.OPEN:
            raise AttemptEnded(why_not_open(attempt))
        return attempt

    def kubeconfig(self, attempt: Attempt) -> Path:
        """Return the learner's kubeconfig.

        Raises:
            NotFound: the cluster is gone.
        """
        return self.provider.status(attempt.cluster).kubeconfig

    def notebook(self, attempt: Attempt) -> dict[str, Any]:
        """Return the notebook of an attempt, as it was filled in when the attempt started.

        Raises:
            NotFound: the lab is gone.
            InputInvalid: the lab has problems.
        """
        return rendered_lab_of(self.ledger, attempt, find_lab(attempt.lab)).notebook

    def _live(self, learner: str, lab: Lab) -> Attempt | None:
        live = self.ledger.live_attempt(learner, lab.slug)
        if live is not None and is_due(live):
            self._lifecycle.end(live.id, AttemptState.EXPIRED)
            return None
        return live

    def _draft(self, lab: Lab, learner: str, seed: int | None, assurance: Assurance) -> Attempt:
        require_capabilities(lab, self.provider)
        attempt = draft_attempt(lab, learner, self.provider.name, seed=seed, assurance=assurance)
        return attempt

    def _admit(self, attempt: Attempt, lab: Lab) -> Attempt:
        """Record a new attempt if there is room; return the live one if there is one by now."""
        rendered = render_lab(lab, variant_of(attempt, lab))
        spec, until = spec_of(attempt, lab, rendered.inventory), moment(attempt.deadline_at)
        with self.broker.admission():
            if live := self.ledger.live_attempt(attempt.learner, attempt.lab):
                return live
            others = self.broker.queue.others_before(seat_of(attempt.learner, attempt.lab))
            lease = self.broker.reserve(spec, until, others)
            attempt = replace(attempt, cluster=lease.cluster)
            return self.ledger.add_attempt(attempt, rendered.to_json())

    def _grade(
        self,
        attempt: Attempt,
        lab: Lab,
        tasks: tuple[str, ...],
        on_result: OnResult,
        cancel: threading.Event | None,
        trigger: Trigger = Trigger.ASKED,
    ) -> Report:
        with self._in_use(attempt):
            return self._look(attempt, lab, tasks, on_result, cancel, trigger)

    @contextmanager
    def _in_use(self, attempt: Attempt) -> Iterator[None]:
        """See to it that a cluster is not paused meanwhile."""
        self._looking[attempt.id] += 1
        try:
            yield
        finally:
            self._looking[attempt.id] -= 1

    def _look(
        self,
        attempt: Attempt,
        lab: Lab,
        tasks: tuple[str, ...],
        on_result: OnResult,
        cancel: threading.Event | None,
        trigger: Trigger,
    ) -> Report:
        try:
            self.broker.resume(owner_of(attempt))
            cluster = self.provider.status(attempt.cluster)
        except (NotFound, ClusterError) as error:
            problem = str(error)
        else:
            problem = version_problem(attempt, lab) or cluster_problem(cluster)
        if not problem:
            job = grading_job(attempt, lab, cluster, tasks)
            job = replace(job, trigger=trigger, evidence=self._held)
            return grade(job, on_result, cancel)
        report = error_report(attempt, lab, tasks, problem)
        for result in report.results:
            on_result(result)
        return report
