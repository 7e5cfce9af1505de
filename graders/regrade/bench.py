"""Bench: judges on every core, each started again when it dies.

A judge that dies or hangs takes the case that it had with it: the tasks of that case end in
`error`, the next case goes to a fresh judge.
"""

from __future__ import annotations

import os
import queue
import secrets
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

from clusters.errors import AssayError
from graders.errors import GradingError
from graders.lab import Lab
from graders.messages import Kind, Receiver
from graders.regrade.judge import Brief, Case
from graders.report import CheckResult, Outcome
from graders.workers.environment import environment_in

START_SECONDS = 60.0
GRACE_SECONDS = 10.0
_CHUNK = 1 << 16
_AHEAD = 2
"""Cases in the hands of each judge, so that it never waits for the next one."""


class JudgeFailed(GradingError):
    """A judge died, hung, or could not load the lab."""


class Judge:
    """One running judge. A context manager."""

    def __init__(self, lab: Lab) -> None:
        """Start a judge for a lab.

        Raises:
            JudgeFailed: it cannot load the lab.
        """
        self._seconds = sum(task.limit for task in lab.tasks) + GRACE_SECONDS
        key = secrets.token_hex(32)
        self._receiver = Receiver(key)
        self._waiting: list[dict[str, Any]] = []
        with ExitStack() as resources:
            folder = resources.enter_context(tempfile.TemporaryDirectory(prefix="assay-judge-"))
            self._output = resources.enter_context(tempfile.TemporaryFile())
            reading, writing = os.pipe()
            self._answers = resources.enter_context(open(reading, "rb", buffering=0))
            with open(writing, "wb", buffering=0) as answers:
                self._process = subprocess.Popen(
                    [sys.executable, "-I", "-B", "-m", "graders.regrade.judge"],
                    stdin=subprocess.PIPE,
                    stdout=self._output,
                    stderr=self._output,
                    pass_fds=(writing,),
                    cwd=folder,
                    env=environment_in(folder),
                    start_new_session=True,
                )
                resources.callback(self._kill)
                brief = Brief(key=key, answers=answers.fileno(), lab=lab.folder.resolve())
                self._say(brief.model_dump_json().encode() + b"\n")
            word = self._hear(START_SECONDS)
            if word.get("kind") != Kind.READY:
                raise JudgeFailed(str(word.get("message", "The judge did not begin")))
            self._resources = resources.pop_all()

    def __enter__(self) -> Judge:
        return self

    def __exit__(self, *exc: object) -> None:
        self._resources.close()

    def judge(self, digest: str, packed: bytes, tasks: tuple[str, ...]) -> list[CheckResult]:
        """Return what the checks make of a bundle.

        Raises:
            JudgeFailed: the judge is dead, and with it this case.
            GradingError: the bundle cannot be judged.
        """
        case = Case(digest=digest, size=len(packed), tasks=tasks)
        self._say(case.model_dump_json().encode() + b"\n" + packed)
        word = self._hear(self._seconds)
        if word.get("digest") != digest:
            raise JudgeFailed("The check said something about another case")
        if "problem" in word:
            raise GradingError(str(word["problem"]))
        return [CheckResult.model_validate(result) for result in word["results"]]

    def _say(self, content: bytes) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(content)
            self._process.stdin.flush()
        except OSError as error:
            raise JudgeFailed("The check ended its judge") from error

    def _hear(self, seconds: float) -> dict[str, Any]:
        """Return the next answer.

        Raises:
            JudgeFailed: there is none; the judge must be closed.
        """
        deadline = time.monotonic() + seconds
        while not self._waiting:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._answers], [], [], left)[0]:
                raise JudgeFailed(f"The judge did not come to an end within {seconds:.0f} s")
            data = os.read(self._answers.fileno(), _CHUNK)
            if not data:
                raise JudgeFailed("The check ended its judge")
            self._waiting += self._receiver.feed(data)
        return self._waiting.pop(0)

    def _kill(self) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()


class ToJudge(NamedTuple):
    """One bundle, and what is to be judged by it."""

    key: Any
    """Comes back with the results."""
    tasks: tuple[str, ...]
    digest: str
    read: Callable[[], bytes]
    """Returns the compressed bundle. Raises AssayError."""


class Judged(NamedTuple):
    """What came of one bundle."""

    key: Any
    results: tuple[CheckResult, ...]
    """One for each task, in the order of the lab."""
    problem: str = ""
    """Why there are no results, one sentence."""


def judge_all(lab: Lab, cases: Iterable[ToJudge], judges: int = 0) -> Iterator[Judged]:
    """Judge bundles on every core; yield each as soon as it is judged.

    Args:
        lab: whose checks judge.
        cases: read as they are needed.
        judges: how many at once; one for each core when 0.

    Raises:
        JudgeFailed: the lab cannot be loaded.
    """
    yield from _Bench(lab, iter(cases), judges or len(os.sched_getaffinity(0))).judged()


class _Bench:
    def __init__(self, lab: Lab, cases: Iterator[ToJudge], judges: int) -> None:
        self._lab = lab
        self._cases = cases
        self._judges = judges
        self._taking = threading.Lock()
        self._done: queue.Queue[Judged | BaseException | None] = queue.Queue(_AHEAD * judges)
        self._stopped = threading.Event()

    def judged(self) -> Iterator[Judged]:
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(self._judges)]
        for thread in threads:
            thread.start()
        try:
            left = len(threads)
            while left:
                word = self._done.get()
                if isinstance(word, BaseException):
                    raise word
                if word is None:
                    left -= 1
                else:
                    yield word
        finally:
            self._stopped.set()
            while any(thread.is_alive() for thread in threads):
                with suppress(queue.Empty):
                    self._done.get(timeout=0.1)

    def _work(self) -> None:
        try:
            while self._judge_until_it_dies():
                pass
        except BaseException as error:
            self._done.put(error)
        else:
            self._done.put(None)

    def _judge_until_it_dies(self) -> bool:
        """Judge cases; return whether there may be more of them for a fresh judge."""
        if (case := self._take()) is None:
            return False
        with Judge(self._lab) as judge:
            while case is not None:
                try:
                    judged = self._judge(judge, case)
                except JudgeFailed as failure:
                    self._done.put(Judged(case.key, (), str(failure)))
                    return True
                self._done.put(judged)
                case = self._take()
        return False

    def _judge(self, judge: Judge, case: ToJudge) -> Judged:
        try:
            found = judge.judge(case.digest, case.read(), case.tasks)
        except JudgeFailed:
            raise
        except AssayError as error:
            return Judged(case.key, (), str(error))
        by_task = {result.task: result for result in found}
        results = (by_task.get(task) or _not_judged(task) for task in case.tasks)
        return Judged(case.key, tuple(results))

    def _take(self) -> ToJudge | None:
        with self._taking:
            return None if self._stopped.is_set() else next(self._cases, None)


def _not_judged(task: str) -> CheckResult:
    sentence = "Another check did what a check must not do, so that this one was not judged"
    return CheckResult(task=task, outcome=Outcome.ERROR, message=sentence)
