"""The pytest plugin of the worker: runs one check per task and says what came of it.

An `AssertionError` that the check itself raises is `failed`, the learner's. Everything else that
keeps a check from ending quietly is `error`, ours: any other exception, a fixture, an import, a
skip, an expected failure.
"""

from __future__ import annotations

import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from graders import explain, timing
from graders.checks import TASK_ATTRIBUTE
from graders.conduct import Conduct
from graders.declarative.collecting import collect_declared
from graders.messages import Kind, OrderedTask
from graders.report import CheckResult, Outcome
from graders.safeguards import guarding
from graders.safeguards.recording import KEY as SAFEGUARDS
from graders.variant import Variant
from graders.view import ClusterView
from graders.workers.workplace import Look, Practice, Work, Workplace

_NEVER_SKIPPED = ("skip", "skipif", "xfail")
_EXERCISE = OrderedTask(id="exercise", seconds=0)


@dataclass
class _Run:
    """What is known of the check that runs now."""

    task: OrderedTask
    view: ClusterView | None = None
    phases: dict[str, pytest.CallInfo[None]] = field(default_factory=dict)
    looks: int = 0

    def look(self, function: Callable[..., object], values: dict[str, Any]) -> None:
        """Call the check once; the evidence is that of the newest call."""
        if self.looks and self.view is not None:
            self.view.evidence.restart()
        self.looks += 1
        _call(function, values)


class ChecksPlugin:
    """Collects the checks of the ordered tasks, runs them in order, sends the results."""

    def __init__(self, serve: Callable[[Work, Practice], None]) -> None:
        """Collect the checks of a lab, then serve.

        Args:
            serve: called once they are collected; it does orders, each in a fork of this process,
                by the first function that it is given. The second one practises.
        """
        self._serve = serve
        self._checks: dict[str, list[pytest.Function]] = defaultdict(list)
        self._unloadable: list[str] = []
        self._run: _Run | None = None
        self._look: Look | None = None
        """Shows the cluster while this plugin practises."""

    # Fixtures

    @pytest.fixture
    def cluster(self) -> Iterator[ClusterView]:
        """The learner's cluster, seen from outside."""
        with (self._look or self._workplace.look)() as view:
            if self._run is not None:
                self._run.view = view
            yield view

    @pytest.fixture
    def variant(self) -> Variant:
        """The parameters that the attempt's seed drew."""
        return Variant(self._order.seed, self._order.values, self._order.answers)

    @pytest.fixture
    def baseline(self) -> dict[str, Any]:
        """What `checks/baseline.py` recorded after set-up."""
        return {k: v for k, v in self._order.baseline.items() if k != SAFEGUARDS}

    @pytest.fixture
    def learner(self) -> str:
        """Name of the learner."""
        return self._order.learner

    # Collection

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Let pytest collect declarative checks too."""
        return collect_declared(file_path, parent)

    @pytest.hookimpl(tryfirst=True)
    def pytest_pycollect_makeitem(self, obj: object) -> list[pytest.Item] | None:
        """Let pytest collect functions with `@check`, and nothing else."""
        is_check = inspect.isfunction(obj) and hasattr(obj, TASK_ATTRIBUTE)
        return None if is_check else []

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Remember which check is whose."""
        if isinstance(item, pytest.Function):
            self._checks[getattr(item.function, TASK_ATTRIBUTE)].append(item)
            item.location  # noqa: B018  # found out once, and not by each worker anew

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember files that could not be loaded, or that skip themselves."""
        if not report.passed:
            file = Path(report.nodeid).name or "the folder of checks"
            self._unloadable.append(f"{file}: {explain.last_line(report.longreprtext)}")
            _tell_operators(report.longreprtext)

    # Running

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Serve, now that the checks are collected."""
        exercise = pytest.Function.from_parent(session, name="exercise", callobj=_exercise)
        exercise.location  # noqa: B018  # as of the checks

        def practise(look: Look) -> None:
            self._practise(exercise, look)

        self._serve(self._grade, practise)
        return True

    def _practise(self, exercise: pytest.Function, look: Look) -> None:
        """Check something that says nothing, by the way that a check takes; not one of the lab's.

        It hangs on the session, so that no code of the lab is run for it but fixtures of a
        `conftest.py` that want to be used everywhere.
        """
        self._look, self._run = look, _Run(_EXERCISE)
        try:
            exercise.config.hook.pytest_runtest_protocol(item=exercise, nextitem=None)
            self._result(self._run).model_dump(mode="json")
        finally:
            self._look = self._run = None

    def _grade(self, workplace: Workplace) -> None:
        """Run the checks in the order of the tasks, until one may have harmed this process."""
        self._workplace = workplace
        self._order = workplace.order
        self._conduct = Conduct()
        for task in self._order.tasks:
            workplace.sender.send(Kind.BEGIN, task=task.id)
            result = self._check(task)
            _flush()
            workplace.sender.send(Kind.RESULT, result=result.model_dump(mode="json"))
            workplace.send_recording(task.id)
            if self._conduct.problem:
                break

    @pytest.hookimpl(tryfirst=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> bool:
        """Call the check, as often as the task's timing says."""
        function: Callable[..., object] = pyfuncitem.function
        names = inspect.signature(function).parameters
        values = {n: v for n, v in pyfuncitem.funcargs.items() if n in names}
        run = self._run
        assert run is not None
        guarding.guarded(
            lambda: timing.decide(lambda: run.look(function, values), run.task.timing),
            lambda: self._require_intact(pyfuncitem, run.task),
        )
        return True

    def _require_intact(self, item: pytest.Function, task: OrderedTask) -> None:
        """Say no where a safeguard of the task is broken."""
        ordered = () if self._look is not None else self._order.safeguards
        if safeguards := [s for s in ordered if s.guards_task(task.id)]:
            cluster = item._request.getfixturevalue("cluster")
            records = self._order.baseline.get(SAFEGUARDS) or {}
            guarding.require_intact(cluster, safeguards, records)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> pytest.TestReport:
        """Remember how set-up, call and tear-down ended.

        Pytest is told whether it went well and no more: it would read and parse the file of the
        check to show where it failed, which takes longer than most checks, and nobody sees that.
        """
        if self._run is not None:
            self._run.phases[call.when] = call
        if call.excinfo is not None and not isinstance(call.excinfo.value, AssertionError):
            _tell_operators(f"{item.name}, {call.when}:\n{explain.trace(call.excinfo.value)}")
        assert call.when != "collect"
        outcome: Literal["passed", "failed"] = "passed" if call.excinfo is None else "failed"
        return pytest.TestReport(item.nodeid, item.location, {}, outcome, None, call.when)

    def _check(self, task: OrderedTask) -> CheckResult:
        if problem := self._problem_of(task):
            return CheckResult(task=task.id, outcome=Outcome.ERROR, message=problem)
        (item,) = self._checks[task.id]
        self._run = _Run(task)
        with self._conduct.watch(task.seconds):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        run, self._run = self._run, None
        return self._result(run, self._conduct.problem)

    def _problem_of(self, task: OrderedTask) -> str:
        """Say why this task cannot be checked; empty where it can."""
        checks = self._checks[task.id]
        if not checks:
            reason = f"; could not load {'; '.join(self._unloadable)}" if self._unloadable else ""
            return explain.shorten(f"The lab has no check for the task {task.id}{reason}")
        if len(checks) > 1:
            names = ", ".join(f"{item.path.name}::{item.name}" for item in checks)
            return f"The lab has several checks for the task {task.id}: {names}"
        if marks := [mark for mark in _NEVER_SKIPPED if checks[0].get_closest_marker(mark)]:
            return f"The check of {task.id} is marked {marks[0]}; a check is never skipped"
        return ""

    def _result(self, run: _Run, problem: str = "") -> CheckResult:
        seconds = sum(call.duration for call in run.phases.values())
        verdict = explain.verdict(run.phases, problem)
        redact = run.view.evidence.redact if run.view else str
        return CheckResult(
            task=run.task.id,
            outcome=verdict.outcome,
            message=redact(verdict.message),
            expected=redact(verdict.expected),
            found=redact(verdict.found),
            hint=redact(verdict.hint),
            seconds=round(seconds, 3),
            evidence=run.view.evidence.entries() if run.view else (),
        )


def _exercise(cluster: ClusterView) -> None:
    cluster.get("Namespace", "kube-system")


def _call(function: Callable[..., object], values: dict[str, Any]) -> None:
    """Call a check; whatever is no ordinary exception becomes one."""
    try:
        answer = function(**values)
    except (SystemExit, KeyboardInterrupt, pytest.exit.Exception) as error:
        raise explain.Unusable("The check tried to end the grader") from error
    if answer is not None:
        raise explain.Unusable("The check returned something; a check says no by an assertion")


def _tell_operators(text: str) -> None:
    """Print for operators; a check may have closed what it would be printed on."""
    with suppress(OSError, ValueError):
        print(text, file=sys.__stderr__, flush=True)


def _flush() -> None:
    """Send what a check printed, so that the runner counts it for that check."""
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError, AttributeError):
            stream.flush()
