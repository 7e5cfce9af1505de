"""Running checks: at most one for each attempt, each followed by anybody who asked for it.

Whoever asks again wants to know about the cluster as it is now: the newer check takes the place of
the one that runs. What a check says, line by line:

    {"result": {...}}                            one task was looked at
    {"report": {...}}                            all were, and the ledger has it; or
    {"error": "one sentence", "status": 503}     nothing was counted
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from graders.attempts import Attempts
from graders.errors import Cancelled
from graders.ledger import Attempt
from graders.live.service import Live
from graders.proctor.events import Events
from graders.proctor.feed import Feed
from graders.proctor.metrics import Metrics
from graders.proctor.places import Places, Ticket
from graders.proctor.problems import sentence_of, status_of
from graders.report import CheckResult, Report

Line = dict[str, Any]

SUPERSEDED = "you asked again meanwhile: the newer check took this one's place; it counted nothing"


@dataclass(eq=False)
class _Check:
    """One check that runs, or waits until it may."""

    attempt: Attempt
    tasks: Sequence[str] | None
    feed: Feed[Line]
    ticket: Ticket
    before: asyncio.Task[None] | None
    """The check of the same attempt whose place this one takes."""
    task: asyncio.Task[None] | None = None
    cancel: threading.Event = field(default_factory=threading.Event)


class RunningChecks:
    """Runs checks in threads. A check goes on when the one who asked for it has gone."""

    def __init__(
        self,
        attempts: Attempts,
        events: Events,
        metrics: Metrics,
        threads: Executor,
        places: Places,
        live: Live,
    ) -> None:
        self._attempts = attempts
        self._events = events
        self._metrics = metrics
        self._threads = threads
        self._places = places
        self._live = live
        self._newest: dict[str, _Check] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def begin(self, attempt: Attempt, tasks: Sequence[str] | None) -> Feed[Line]:
        """Begin to check an attempt and return what is found, as it is found.

        A check of the same attempt that has not ended is cancelled; its askers are told so.
        """
        before = self._newest.get(attempt.id)
        if before is not None:
            before.cancel.set()
            self._places.withdraw(before.ticket)
        check = self._newest[attempt.id] = _Check(
            attempt,
            tasks,
            Feed[Line](asyncio.get_running_loop()),
            self._places.ask(attempt.learner),
            before.task if before else None,
        )
        check.task = self._spawn(self._run(check))
        self._spawn(self._announce(check))
        return check.feed

    async def _run(self, check: _Check) -> None:
        try:
            check.feed.add(await self._grade(check))
        except Cancelled:
            self._metrics.cancelled.inc()
            check.feed.add({"error": SUPERSEDED, "status": HTTPStatus.CONFLICT})
        except Exception as error:
            check.feed.add({"error": sentence_of(error), "status": status_of(error)})
        finally:
            self._places.leave(check.ticket)
            if self._newest.get(check.attempt.id) is check:
                del self._newest[check.attempt.id]
            check.feed.close()

    async def _grade(self, check: _Check) -> Line:
        asked = time.monotonic()
        await check.ticket.decided.wait()
        if check.before is not None:
            await asyncio.wait([check.before])
        if check.cancel.is_set():
            raise Cancelled(SUPERSEDED)
        self._metrics.grading_wait.observe(time.monotonic() - asked)
        loop = asyncio.get_running_loop()
        began = time.monotonic()
        async with self._live.standing_back(check.attempt.id) as hear:
            report = await loop.run_in_executor(self._threads, self._work, check)
            hear(report)
        self._metrics.count(report, time.monotonic() - began)
        return {"report": report.to_json()}

    def _work(self, check: _Check) -> Report:
        def on_result(result: CheckResult) -> None:
            check.feed.add({"result": result.model_dump(mode="json")})

        return self._attempts.check(
            check.attempt.id, tasks=check.tasks, on_result=on_result, cancel=check.cancel
        )

    async def _announce(self, check: _Check) -> None:
        async for entry in check.feed.read():
            for kind in ("result", "report"):
                if kind in entry.item:
                    self._events.publish(check.attempt.id, kind, entry.item[kind])

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
