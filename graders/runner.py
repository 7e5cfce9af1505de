"""Runner: grades an attempt in processes of their own, and always ends in a Report.

A worker checks the tasks one after the other. When it dies, hangs or misbehaves, the task at hand
becomes `error` and a fresh worker goes on with the next one; a worker that settles no task at all
ends the grading, so there is no endless loop.
"""

from __future__ import annotations

import logging
import secrets
import threading
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from graders.errors import Cancelled, GradingError
from graders.lab import Lab, Task
from graders.messages import Kind, Order, OrderedTask, Purpose
from graders.rendering import render_safeguards
from graders.report import CheckResult, Outcome, Report, Trigger
from graders.turns import turn
from graders.variant import Value, Variant, draw_variant
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
    assurance: str = ""
    """For the report: what is known of the learner's surroundings."""
    trigger: Trigger = Trigger.ASKED
    """For the report: what made the platform grade."""
    values: Mapping[str, Value] | None = None
    """The parameters as they were drawn at the start; drawn anew from the seed when None."""

    @property
    def variant(self) -> Variant:
        """The parameters that the checks are given."""
        if self.values is None:
            return draw_variant(self.lab.document.parameters, self.seed)
        return Variant(self.seed, self.values)

    def chosen_tasks(self) -> tuple[Task, ...]:
        """Return the tasks to check, in the order of the lab."""
        return tuple(task for task in self.lab.tasks if task.id in self.tasks)


def grade(
    job: GradingJob,
    on_result: OnResult | None = None,
    cancel: threading.Event | None = None,
) -> Report:
    """Check the tasks of a job. Whatever happens, the answer is a Report with a result for each.

    Gradings of one cluster take turns.

    Args:
        job: what to check.
        on_result: told each result as soon as it is known.
        cancel: set it to end the grading at once, from another thread.

    Raises:
        Cancelled: `cancel` was set before the last check had ended. There is no Report, and
            nothing that `on_result` was told counts.
    """
    started_at = datetime.now(UTC)
    grading = _Grading(job, on_result, cancel)
    try:
        with turn(job.grader_kubeconfig, cancel=cancel):
            grading.run()
    except Cancelled:
        raise
    except GradingError as error:
        grading.give_up(str(error))
    except OSError as error:
        grading.give_up(f"This host could not start the grader: {error.strerror}")
    except Exception:
        log.exception("attempt %s: the grading broke off", job.attempt)
        grading.give_up("The grader itself broke off; the operator's log says why")
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
        assurance=job.assurance,
        trigger=job.trigger,
    )


class _Grading:
    """The results so far, and the workers that bring them."""

    def __init__(
        self, job: GradingJob, on_result: OnResult | None, cancel: threading.Event | None
    ) -> None:
        self._job = job
        self._on_result = on_result
        self._cancel = cancel
        self._tasks = job.chosen_tasks()
        self._results: dict[str, CheckResult] = {}

    def run(self) -> None:
        try:
            clean = self._check_all()
        except Cancelled:
            self._run_worker("sweep", ())
            raise
        if not clean:
            self._run_worker("sweep", ())

    def _check_all(self) -> bool:
        """Settle every task; return whether surely no probe is left."""
        clean = True
        while pending := self._pending():
            clean = self._run_worker("checks", pending)
            if self._pending() == pending:
                self.give_up("The grader ended before the first check")
        return clean

    def give_up(self, sentence: str) -> None:
        for task in self._pending():
            self._settle(could_not_check(task.id, sentence))

    def in_order(self) -> tuple[CheckResult, ...]:
        return tuple(self._results[task.id] for task in self._tasks)

    def _pending(self) -> tuple[Task, ...]:
        return tuple(task for task in self._tasks if task.id not in self._results)

    def _run_worker(self, purpose: Purpose, tasks: Sequence[Task]) -> bool:
        """Let a worker do what it can; return whether it surely left no probe."""
        with WorkerProcess(lambda pipe: _order(self._job, purpose, tasks, pipe)) as worker:
            try:
                begun = self._listen(worker, {task.id: task for task in tasks})
            finally:
                level = logging.WARNING if self._has_errors(tasks) else logging.DEBUG
                log.log(level, "attempt %s: worker's output:\n%s", self._job.attempt, worker.output)
        return not self._has_errors(begun)

    def _listen(self, worker: WorkerProcess, tasks: Mapping[str, Task]) -> list[Task]:
        """Settle what a worker says; return the tasks whose checks it began."""
        begun: list[Task] = []
        try:
            for message in worker.messages(self._cancel if tasks else None):
                match message:
                    case {"kind": Kind.BEGIN, "task": str(id)}:
                        begun.append(tasks[id])
                        _allow_check(worker, tasks[id])
                    case {"kind": Kind.RESULT, "result": result}:
                        self._settle(_result_of(begun[-1:], result))
                        worker.allow(BETWEEN_SECONDS, "The grader stood still between two checks")
                    case {"kind": Kind.BROKEN, "message": str(sentence)}:
                        raise WorkerFailed(sentence)
                    case {"kind": Kind.END}:
                        break
            self._blame(begun, "The check gave no result")
        except GradingError as failure:
            self._blame(begun, str(failure))
            if not begun:
                self.give_up(str(failure))
        return begun

    def _blame(self, begun: Sequence[Task], sentence: str) -> None:
        """Settle the check that was still running, if one was."""
        for task in begun[-1:]:
            self._settle(could_not_check(task.id, sentence))

    def _settle(self, result: CheckResult) -> None:
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


def _result_of(current: Sequence[Task], document: Any) -> CheckResult:
    result = CheckResult.model_validate(document)
    if result.task not in [task.id for task in current]:
        raise WorkerFailed(f"The grader answered about {result.task}, which was not asked")
    return result


def could_not_check(task: str, sentence: str) -> CheckResult:
    """Return the result of a task that could not be looked at."""
    return CheckResult(task=task, outcome=Outcome.ERROR, message=sentence)


def _allow_check(worker: WorkerProcess, task: Task) -> None:
    worker.allow(task.limit + GRACE_SECONDS, f"The check did not end within {task.limit} s")


def _order(job: GradingJob, purpose: Purpose, tasks: Sequence[Task], pipe: int) -> Order:
    return Order(
        purpose=purpose,
        key=secrets.token_hex(32),
        results=pipe,
        checks=job.lab.folder.resolve() / "checks",
        kubeconfig=job.grader_kubeconfig.resolve(),
        audit_log=None if job.audit_log is None else job.audit_log.resolve(),
        cluster_uid=job.cluster_uid,
        learner=job.learner,
        seed=job.seed,
        values=dict(job.variant.values),
        baseline=dict(job.baseline),
        tasks=tuple(
            OrderedTask(id=task.id, seconds=task.limit, timing=task.timing) for task in tasks
        ),
        safeguards=render_safeguards(job.lab, job.variant),
    )


def _rfc3339(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
