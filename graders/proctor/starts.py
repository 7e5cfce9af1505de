"""Starts: labs that are being started, each followed by anybody who asked for it.

What a start says, line by line:

    {"expected": [{"name", "message", "p50", "p95"}, ...]}       what the last starts took
    {"phase": {"name", "message", "percent", "seconds"}}         a phase began, or ended
    {"attempt": {...}, "kubeconfig": "...", "notebook": {...}}   done, or
    {"error": "one sentence"}                                    not
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import asdict
from typing import Any, NamedTuple

from clusters.broker import Place
from clusters.errors import NotFound
from clusters.phases import Phase
from graders.attempts import Attempts
from graders.attempts.rules import owner_of
from graders.catalogue import find_lab
from graders.ledger import Attempt
from graders.proctor.feed import Feed
from graders.proctor.metrics import Metrics
from graders.proctor.problems import sentence_of
from graders.proctor.queue import Queue, Seat
from graders.proctor.timings import Timings

Line = dict[str, Any]


class Order(NamedTuple):
    """What the spawner asks for."""

    learner: str
    lab: str
    assurance: str


class Starts:
    """Starts labs in threads. A start goes on when the one who asked for it has gone."""

    def __init__(
        self,
        attempts: Attempts,
        queue: Queue,
        timings: Timings,
        metrics: Metrics,
        threads: Executor,
    ) -> None:
        self._attempts = attempts
        self._queue = queue
        self._timings = timings
        self._metrics = metrics
        self._threads = threads
        self._running: dict[Seat, Feed[Line]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, order: Order) -> Feed[Line]:
        """Start a lab, or follow the start that is under way for this learner."""
        seat = Seat(order.learner, order.lab)
        if seat not in self._running:
            feed = self._running[seat] = Feed[Line](asyncio.get_running_loop())
            task = asyncio.create_task(self._start(order, seat, feed))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return self._running[seat]

    async def _start(self, order: Order, seat: Seat, feed: Feed[Line]) -> None:
        feed.add({"expected": [e.to_json() for e in self._timings.expected()]})
        try:
            feed.add(await self._find_room(order, seat, feed))
        except Exception as error:
            self._metrics.starts.labels(order.lab, "error").inc()
            feed.add({"error": sentence_of(error)})
        finally:
            self._running.pop(seat, None)
            feed.close()

    async def _find_room(self, order: Order, seat: Seat, feed: Feed[Line]) -> Line:
        loop = asyncio.get_running_loop()
        _require_lab(order.lab)

        def admitted() -> None:
            self._queue.admitted(seat)

        def start() -> Awaitable[Line]:
            return loop.run_in_executor(self._threads, self._work, order, feed, admitted)

        ledger = self._attempts.ledger
        if await asyncio.to_thread(ledger.live_attempt, order.learner, order.lab):
            return await start()  # it has its room already
        return await self._queue.pass_through(seat, start, _queue_phases(feed))

    def _work(self, order: Order, feed: Feed[Line], admitted: Callable[[], None]) -> Line:
        began = time.monotonic()
        ended: list[Phase] = []

        def on_phase(phase: Phase) -> None:
            admitted()
            feed.add({"phase": asdict(phase)})
            if phase.seconds is not None:
                ended.append(phase)

        attempt = self._attempts.start(
            order.learner, order.lab, assurance=order.assurance, on_phase=on_phase
        )
        line = {
            "attempt": attempt.to_json(),
            "kubeconfig": self._attempts.kubeconfig(attempt).read_text(encoding="utf-8"),
            "notebook": self._attempts.notebook(attempt),
        }
        if len(ended) > 1:  # a continued attempt takes no time and says nothing about starts
            self._timings.record(ended)
            self._count_lease(attempt, time.monotonic() - began)
        self._metrics.starts.labels(order.lab, "done").inc()
        self._metrics.start_seconds.labels(order.lab).observe(time.monotonic() - began)
        return line

    def _count_lease(self, attempt: Attempt, seconds: float) -> None:
        if lease := self._attempts.broker.leases.of(owner_of(attempt)):
            self._metrics.lease_seconds.labels("yes" if lease.warm else "no").observe(seconds)


def _require_lab(slug: str) -> None:
    try:
        find_lab(slug)
    except NotFound as error:
        raise NotFound(f"there is no lab {slug!r} here; the catalogue shows every lab") from error


def _queue_phases(feed: Feed[Line]) -> Callable[[Place], None]:
    def on_wait(place: Place) -> None:
        feed.add({"phase": asdict(Phase("queue", place.sentence(), 0))})

    return on_wait
