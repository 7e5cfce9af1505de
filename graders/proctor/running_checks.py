"""Running checks: at most one for each attempt, each followed by anybody who asked for it.

What a check says, line by line:

    {"result": {...}}                            one task was looked at
    {"report": {...}}                            all were, and the ledger has it; or
    {"error": "one sentence", "status": 503}     nothing was counted
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from http import HTTPStatus
from typing import Any

from graders.attempts import Attempts
from graders.ledger import Attempt
from graders.proctor.events import Events
from graders.proctor.feed import Feed
from graders.proctor.metrics import Metrics
from graders.proctor.problems import Refused, sentence_of, status_of
from graders.report import CheckResult, Report

Line = dict[str, Any]


class RunningChecks:
    """Runs checks in threads. A check goes on when the one who asked for it has gone."""

    def __init__(
        self, attempts: Attempts, events: Events, metrics: Metrics, threads: Executor
    ) -> None:
        self._attempts = attempts
        self._events = events
        self._metrics = metrics
        self._threads = threads
        self._running: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, attempt: Attempt, tasks: Sequence[str] | None) -> Feed[Line]:
        """Begin to check an attempt and return what is found, as it is found.

        Raises:
            Refused: 409, a check of this attempt is running.
        """
        if attempt.id in self._running:
            raise Refused(
                HTTPStatus.CONFLICT,
                "a check of this attempt is running; wait until it has ended, then check again",
            )
        self._running.add(attempt.id)
        feed = Feed[Line](asyncio.get_running_loop())
        for work in (self._check(attempt, tasks, feed), self._announce(attempt, feed)):
            task = asyncio.create_task(work)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return feed

    async def _check(self, attempt: Attempt, tasks: Sequence[str] | None, feed: Feed[Line]) -> None:
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        try:
            report = await loop.run_in_executor(self._threads, self._work, attempt, tasks, feed)
            self._count(report, time.monotonic() - began)
            feed.add({"report": report.to_json()})
        except Exception as error:
            feed.add({"error": sentence_of(error), "status": status_of(error)})
        finally:
            self._running.discard(attempt.id)
            feed.close()

    def _work(self, attempt: Attempt, tasks: Sequence[str] | None, feed: Feed[Line]) -> Report:
        def on_result(result: CheckResult) -> None:
            feed.add({"result": result.model_dump(mode="json")})

        return self._attempts.check(attempt.id, tasks=tasks, on_result=on_result)

    async def _announce(self, attempt: Attempt, feed: Feed[Line]) -> None:
        async for entry in feed.read():
            for kind in ("result", "report"):
                if kind in entry.item:
                    self._events.publish(attempt.id, kind, entry.item[kind])

    def _count(self, report: Report, seconds: float) -> None:
        for result in report.results:
            self._metrics.checks.labels(report.lab, result.outcome.value).inc()
        self._metrics.check_seconds.labels(report.lab).observe(seconds)
