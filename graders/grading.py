"""Grading: the results of one job so far, and the workers that bring them.

Tasks are checked one after the other by one worker; those that may be are checked at once, each by
a worker of its own. When a worker dies, hangs or misbehaves, the task at hand becomes `error` and
a fresh worker goes on with the next one; a worker that settles no task at all ends the grading, so
there is no endless loop.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from graders.errors import GradingError
from graders.job import GradingJob
from graders.kubeconfig import read_access
from graders.lab import Task
from graders.messages import Kind, Order, OrderedTask, Purpose
from graders.rendering import render_safeguards
from graders.report import CheckResult, Outcome
from graders.workers.family import WorkerFailed, ZygoteGone
from graders.workers.pool import the_pool
from graders.workers.process import WorkerProcess

log = logging.getLogger(__name__)

OnResult = Callable[[CheckResult], None]
GRACE_SECONDS = 10.0
"""After its time a check is interrupted and may clean up this long; then its worker is killed."""
BETWEEN_SECONDS = 30.0
"""For what a worker does between two checks."""
AT_ONCE = 4
"""Checks of one grading that run at once, where their tasks say that they may."""


class Grading:
    """One grading. Whoever runs it has the cluster's turn."""

    def __init__(
        self,
        job: GradingJob,
        on_result: OnResult | None = None,
        cancel: threading.Event | None = None,
    ) -> None:
        """Prepare to grade; arguments as of `graders.runner.grade`."""
        self._job = job
        self._on_result = on_result
        self._cancel = cancel
        self._tasks = job.chosen_tasks()
        self._results: dict[str, CheckResult] = {}
        self.recordings: dict[str, str] = {}
        """What the checks were told, packed, by task."""
        self._settling = threading.Lock()
        self._deadline = time.monotonic() + job.seconds
        self._clean = False

    def run(self, *, clean: bool) -> bool:
        """Settle every task; return whether surely no probe is left in the cluster.

        Args:
            clean: whether surely none is in it now.

        Raises:
            Cancelled: somebody does not want it any more.
        """
        self._clean = clean
        try:
            self._check_one_by_one([task for task in self._tasks if not task.concurrent])
            self._check_at_once([task for task in self._tasks if task.concurrent])
        finally:
            if not self._clean:
                self._sweep()
        return self._clean

    def give_up(self, sentence: str) -> None:
        """Settle every task that is not, as one that could not be looked at."""
        self._give_up(self._tasks, sentence)

    def in_order(self) -> tuple[CheckResult, ...]:
        """Return the results in the order of the lab."""
        return tuple(self._results[task.id] for task in self._tasks)

    def _check_one_by_one(self, tasks: Sequence[Task]) -> None:
        while pending := self._pending(tasks):
            self._clean = self._run_worker(pending, sweep=not self._clean)
            self._require_progress(pending)

    def _check_at_once(self, tasks: Sequence[Task]) -> None:
        """Check these with several workers, none of which may take away another's probes."""
        if not tasks:
            return
        if not self._clean:
            self._sweep()
        with ThreadPoolExecutor(min(AT_ONCE, len(tasks)), "check") as threads:
            self._clean &= all(list(threads.map(self._check_beside_others, tasks)))

    def _check_beside_others(self, task: Task) -> bool:
        clean = self._run_worker([task], sweep=False)
        self._require_progress([task])
        return clean

    def _require_progress(self, pending: Sequence[Task]) -> None:
        if self._pending(pending) == pending:
            self._give_up(pending, "The grader ended before the first check")

    def _pending(self, tasks: Sequence[Task]) -> list[Task]:
        return [task for task in tasks if task.id not in self._results]

    def _give_up(self, tasks: Sequence[Task], sentence: str) -> None:
        for task in self._pending(tasks):
            self._settle(could_not_check(task.id, sentence))

    def _sweep(self) -> None:
        try:
            order = self._order("sweep", (), sweep=True)
            with the_pool().worker(order, self._job.audit_log) as worker:
                for message in worker.messages():
                    match message:
                        case {"kind": Kind.BROKEN, "message": str(sentence)}:
                            raise WorkerFailed(sentence)
                        case {"kind": Kind.END}:
                            self._clean = True
                            return
        except (GradingError, OSError) as error:
            log.warning("attempt %s: probes may be left: %s", self._job.attempt, error)

    def _run_worker(self, tasks: Sequence[Task], *, sweep: bool, tries: int = 3) -> bool:
        """Let a worker do what it can; return whether surely no probe is left."""
        begun: list[Task] = []
        ready = False
        try:
            with the_pool().worker(
                self._order("checks", tasks, sweep=sweep), self._job.audit_log
            ) as worker:
                try:
                    for kind in self._listen(worker, tasks, begun):
                        ready |= kind == Kind.READY
                    if not self._has_errors(begun):
                        worker.dismiss()
                finally:
                    self._tell_operators(worker, tasks)
        except ZygoteGone as failure:
            if tries > 1:  # it had not begun, so nothing can be wrong with the checks
                return self._run_worker(tasks, sweep=sweep, tries=tries - 1)
            self._give_up(tasks, str(failure))
        except GradingError as failure:
            # What is known of one check is told of it; what keeps all from beginning, of all.
            self._give_up(begun[-1:] or tasks, str(failure))
        return (ready or not sweep) and not self._has_errors(begun)

    def _listen(
        self, worker: WorkerProcess, tasks: Sequence[Task], begun: list[Task]
    ) -> Iterator[str]:
        """Settle what a worker says, note the tasks whose checks it began, yield each kind."""
        by_id = {task.id: task for task in tasks}
        for message in worker.messages(self._cancel):
            yield message["kind"]
            match message:
                case {"kind": Kind.BEGIN, "task": str(id)}:
                    begun.append(by_id[id])
                    self._allow_check(worker, by_id[id])
                case {"kind": Kind.RESULT, "result": result}:
                    self._settle(_result_of(begun[-1:], result))
                    worker.allow(BETWEEN_SECONDS, "The grader stood still between two checks")
                case {"kind": Kind.EVIDENCE, "task": str(id), "recording": str(packed)}:
                    if begun and begun[-1].id == id:
                        self.recordings[id] = packed
                case {"kind": Kind.BROKEN, "message": str(sentence)}:
                    raise WorkerFailed(sentence)
                case {"kind": Kind.END}:
                    break
        self._give_up(begun[-1:], "The check gave no result")

    def _allow_check(self, worker: WorkerProcess, task: Task) -> None:
        left = self._deadline - time.monotonic()
        if left > task.limit + GRACE_SECONDS:
            worker.allow(task.limit + GRACE_SECONDS, f"The check did not end within {task.limit} s")
        else:
            worker.allow(left, f"All checks together did not end within {self._job.seconds:.0f} s")

    def _settle(self, result: CheckResult) -> None:
        with self._settling:
            if result.task in self._results:
                return
            self._results[result.task] = result
            if self._on_result is not None:
                try:
                    self._on_result(result)
                except Exception:
                    log.exception("a listener to results failed")

    def _has_errors(self, tasks: Collection[Task]) -> bool:
        results = (self._results.get(task.id) for task in tasks)
        return any(result is None or result.outcome is Outcome.ERROR for result in results)

    def _tell_operators(self, worker: WorkerProcess, tasks: Sequence[Task]) -> None:
        level = logging.WARNING if self._has_errors(tasks) else logging.DEBUG
        log.log(level, "attempt %s: worker's output:\n%s", self._job.attempt, worker.output)

    def _order(self, purpose: Purpose, tasks: Sequence[Task], *, sweep: bool) -> Order:
        job = self._job
        return Order(
            purpose=purpose,
            key=secrets.token_hex(32),
            checks=job.lab.folder.resolve() / "checks",
            access=read_access(job.grader_kubeconfig),
            audited=job.audit_log is not None,
            sweep=sweep,
            cluster_uid=job.cluster_uid,
            learner=job.learner,
            seed=job.seed,
            values=dict(job.variant.values),
            answers=job.variant.answers,
            baseline=dict(job.baseline),
            tasks=tuple(
                OrderedTask(id=task.id, seconds=task.limit, timing=task.timing) for task in tasks
            ),
            recorded=job.evidence is not None,
            safeguards=render_safeguards(job.lab, job.variant),
        )


def could_not_check(task: str, sentence: str) -> CheckResult:
    """Return the result of a task that could not be looked at."""
    return CheckResult(task=task, outcome=Outcome.ERROR, message=sentence)


def _result_of(current: Sequence[Task], document: Any) -> CheckResult:
    result = CheckResult.model_validate(document)
    if result.task not in [task.id for task in current]:
        raise WorkerFailed(f"The grader answered about {result.task}, which was not asked")
    return result
