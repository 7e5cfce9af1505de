"""Runner: grades an attempt in processes of their own, and always ends in a Report.

A worker checks the tasks one after the other. When it dies, hangs or misbehaves, the task at hand
becomes `error` and a fresh worker goes on with the next one; a worker that settles no task at all
ends the grading, so there is no endless loop.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graders.errors import GradingError
from graders.lab import Lab, Task
from graders.messages import Kind, Order, OrderedTask
from graders.report import CheckResult, Outcome, Report
from graders.turns import turn
from graders.variant import draw_variant
from graders.worker_process import WorkerFailed, WorkerProcess

log = logging.getLogger(__name__)

OnResult = Callable[[CheckResult], None]
GRACE_SECONDS = 10.0
"""After its time a check is interrupted and may clean up this long; then its worker is killed."""
BETWEEN_SECONDS = 30.0
"""For what a worker does between two checks."""


@dataclass(frozen=True)
class GradingJob:
    """Everything that is needed to grade an attempt."""

    lab: Lab
    attempt: str
    """Id of the attempt."""
    learner: str
    seed: int
    """Draws the variant."""
    grader_kubeconfig: Path
    audit_log: Path | None
    cluster_uid: str
    """The cluster that is meant; another one at the same address is an error."""
    tasks: tuple[str, ...]
    """Ids of the tasks to check."""
    baseline: Mapping[str, Any] = field(default_factory=dict)
    """What `checks/baseline.py` recorded after set-up."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """For the report: `assay`, `kubernetes`, `provider`, `lab`."""

    def chosen_tasks(self) -> tuple[Task, ...]:
        """Return the tasks to check, in the order of the lab."""
        return tuple(task for task in self.lab.tasks if task.id in self.tasks)


def grade(job: GradingJob, on_result: OnResult | None = None) -> Report:
    """Check the tasks of a job. Whatever happens, the answer is a Report with a result for each.

    Gradings of one cluster take turns.

    Args:
        job: what to check.
        on_result: told each result as soon as it is known.
    """
    started_at = datetime.now(UTC)
    grading = _Grading(job, on_result)
    try:
        with turn(job.grader_kubeconfig):
            grading.run()
    except GradingError as error:
        grading.give_up(str(error))
    except OSError as error:
        grading.give_up(f"This host could not start the grader: {error.strerror}")
    return Report(
        id=uuid.uuid4().hex,
        lab=job.lab.slug,
        lab_version=job.lab.version,
        attempt=job.attempt,
        learner=job.learner,
        started_at=_rfc3339(started_at),
        finished_at=_rfc3339(datetime.now(UTC)),
        results=grading.in_order(),
        cluster_uid=job.cluster_uid,
        versions=dict(job.versions),
    )


class _Grading:
    """The results so far, and the workers that bring them."""

    def __init__(self, job: GradingJob, on_result: OnResult | None) -> None:
        self._job = job
        self._on_result = on_result
        self._tasks = job.chosen_tasks()
        self._results: dict[str, CheckResult] = {}

    def run(self) -> None:
        while pending := self._pending():
            self._run_worker(pending)
            if self._pending() == pending:
                self.give_up("The grader ended before the first check")

    def give_up(self, sentence: str) -> None:
        for task in self._pending():
            self._settle(could_not_check(task.id, sentence))

    def in_order(self) -> tuple[CheckResult, ...]:
        return tuple(self._results[task.id] for task in self._tasks)

    def _pending(self) -> tuple[Task, ...]:
        return tuple(task for task in self._tasks if task.id not in self._results)

    def _run_worker(self, pending: Sequence[Task]) -> None:
        with WorkerProcess(lambda pipe: _order(self._job, pending, pipe)) as worker:
            try:
                self._listen(worker, {task.id: task for task in pending})
            finally:
                level = logging.WARNING if self._has_errors(pending) else logging.DEBUG
                log.log(level, "attempt %s: worker's output:\n%s", self._job.attempt, worker.output)

    def _listen(self, worker: WorkerProcess, pending: Mapping[str, Task]) -> None:
        current: Task | None = None
        try:
            for message in worker.messages():
                match message:
                    case {"kind": Kind.BEGIN, "task": str(id)}:
                        current = pending[id]
                        _allow_check(worker, current)
                    case {"kind": Kind.RESULT, "result": result}:
                        self._settle(_result_of(current, result))
                        current = None
                        worker.allow(BETWEEN_SECONDS, "The grader stood still between two checks")
                    case {"kind": Kind.BROKEN, "message": str(sentence)}:
                        raise WorkerFailed(sentence)
                    case {"kind": Kind.END}:
                        if current is not None:
                            raise WorkerFailed("The check gave no result")
                        return
        except GradingError as failure:
            if current is not None:
                self._settle(could_not_check(current.id, str(failure)))
            elif not self._results.keys() & pending.keys():
                self.give_up(str(failure))

    def _settle(self, result: CheckResult) -> None:
        if result.task in self._results:
            return
        self._results[result.task] = result
        if self._on_result is not None:
            try:
                self._on_result(result)
            except Exception:
                log.exception("a listener to results failed")

    def _has_errors(self, tasks: Sequence[Task]) -> bool:
        results = (self._results.get(task.id) for task in tasks)
        return any(result is None or result.outcome is Outcome.ERROR for result in results)


def _result_of(task: Task | None, document: Any) -> CheckResult:
    result = CheckResult.model_validate(document)
    if task is None or result.task != task.id:
        raise WorkerFailed(f"The grader answered about {result.task}, which was not asked")
    return result


def could_not_check(task: str, sentence: str) -> CheckResult:
    """Return the result of a task that could not be looked at."""
    return CheckResult(task=task, outcome=Outcome.ERROR, message=sentence)


def _allow_check(worker: WorkerProcess, task: Task) -> None:
    worker.allow(task.seconds + GRACE_SECONDS, f"The check did not end within {task.seconds} s")


def _order(job: GradingJob, tasks: Sequence[Task], pipe: int) -> Order:
    variant = draw_variant(job.lab.document.parameters, job.seed)
    return Order(
        purpose="checks",
        key=secrets.token_hex(32),
        results=pipe,
        checks=job.lab.folder.resolve() / "checks",
        kubeconfig=job.grader_kubeconfig.resolve(),
        audit_log=None if job.audit_log is None else job.audit_log.resolve(),
        cluster_uid=job.cluster_uid,
        learner=job.learner,
        seed=job.seed,
        values=dict(variant.values),
        baseline=dict(job.baseline),
        tasks=tuple(OrderedTask(id=task.id, seconds=task.seconds) for task in tasks),
    )


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
