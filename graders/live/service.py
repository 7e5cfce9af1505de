"""Live: looks again at what somebody follows, and appends a verdict where the outcome changes."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Executor
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field

from clusters.errors import NotFound
from graders.attempts import AttemptEnded, Attempts
from graders.catalogue import find_lab
from graders.errors import Cancelled
from graders.ledger import Attempt, AttemptState
from graders.live.agenda import Agenda
from graders.live.changes import Probes, changes_in
from graders.live.reads import reads_of
from graders.live.tail import News, Tails
from graders.proctor.places import Places
from graders.report import Report

log = logging.getLogger("assay.proctor.live")

LINGER = 20.0
"""Seconds that an attempt is looked at after nobody follows it any more: pages are reloaded."""
_OPENING = 1.0
"""Seconds between two looks whether a starting attempt is open."""


OnVerdict = Callable[[Report], None]
OnLook = Callable[[Report, float], None]
Heard = Callable[[Report], None]


@dataclass(eq=False)
class _Followed:
    """One attempt that somebody follows."""

    attempt: Attempt
    followers: int = 0
    agenda: Agenda | None = None
    """None until the attempt is open."""
    probes: Probes = field(default_factory=Probes)
    wake: asyncio.Event = field(default_factory=asyncio.Event)
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while no look is under way."""
    aside: int = 0
    """How many gradings that were asked for are under way."""
    cancel: threading.Event = field(default_factory=threading.Event)
    """Ends the look that is under way."""
    task: asyncio.Task[None] | None = None


class Live:
    """The attempts that somebody follows. Used on the event loop only."""

    def __init__(
        self,
        attempts: Attempts,
        threads: Executor,
        places: Places,
        on_verdict: OnVerdict,
        on_look: OnLook,
    ) -> None:
        """Look by `attempts`.

        Args:
            attempts: checks, and appends what they find.
            threads: where looks are made.
            places: how many at once, and whose is next.
            on_verdict: told each report that was appended.
            on_look: told each look and how many seconds it took.
        """
        self._attempts = attempts
        self._threads = threads
        self._places = places
        self._on_verdict = on_verdict
        self._on_look = on_look
        self._followed: dict[str, _Followed] = {}
        self._tails = Tails()

    def __len__(self) -> int:
        """Return how many attempts are followed."""
        return len(self._followed)

    @contextmanager
    def following(self, attempt: Attempt) -> Iterator[None]:
        """Keep an attempt's verdicts up to date while somebody follows it."""
        followed = self._followed.get(attempt.id)
        if followed is None and attempt.live:
            followed = self._followed[attempt.id] = _Followed(attempt)
            followed.idle.set()
            followed.task = asyncio.create_task(self._run(followed))
        if followed is None:
            yield
            return
        followed.followers += 1
        try:
            yield
        finally:
            followed.followers -= 1
            with suppress(RuntimeError):  # the loop ends, and everything with it
                asyncio.get_running_loop().call_later(LINGER, self._drop_if_alone, followed)

    @asynccontextmanager
    async def standing_back(self, attempt_id: str) -> AsyncIterator[Heard]:
        """Let a grading that was asked for have the cluster, and hear what it finds."""
        followed = self._followed.get(attempt_id)
        if followed is None or followed.agenda is None:
            yield lambda report: None
            return
        followed.aside += 1
        followed.cancel.set()
        agenda = followed.agenda
        try:
            await followed.idle.wait()
            agenda.begin()
            yield lambda report: _hear(agenda, report)
        finally:
            followed.aside -= 1
            agenda.give_up()
            followed.wake.set()

    def look_at_all(self, attempt_id: str) -> None:
        """Look at every task of a followed attempt again: its cluster was taken back."""
        followed = self._followed.get(attempt_id)
        if followed is not None and followed.agenda is not None:
            followed.agenda.changed_somehow(time.monotonic())
            followed.wake.set()

    async def close(self) -> None:
        """Look at nothing any more."""
        for followed in list(self._followed.values()):
            followed.cancel.set()
            if followed.task is not None:
                followed.task.cancel()

    async def _run(self, followed: _Followed) -> None:
        try:
            followed.agenda = await self._open(followed)
            while True:
                await self._step(followed, followed.agenda)
        except (NotFound, AttemptEnded):
            pass  # it is over
        except Exception:
            log.exception("attempt %s: is not followed any more", followed.attempt.id)
        finally:
            self._tails.remove(followed.attempt.id)
            if self._followed.get(followed.attempt.id) is followed:
                del self._followed[followed.attempt.id]

    async def _open(self, followed: _Followed) -> Agenda:
        """Wait until the attempt is open; then begin to read its log, and plan."""
        ledger, id = self._attempts.ledger, followed.attempt.id
        while (await asyncio.to_thread(ledger.attempt, id)).state is AttemptState.STARTING:
            await asyncio.sleep(_OPENING)
        attempt = await asyncio.to_thread(self._attempts.require_open, id)
        lab = await asyncio.to_thread(find_lab, attempt.lab)
        path = await asyncio.to_thread(self._attempts.audit_log, attempt)
        loop = asyncio.get_running_loop()

        def on_news(news: News) -> None:
            with suppress(RuntimeError):  # the loop is closed
                loop.call_soon_threadsafe(self._heed, followed, news)

        self._tails.add(id, path, on_news)
        progress = await asyncio.to_thread(ledger.progress, id)
        outcomes = {task: found.outcome for task, found in progress.items()}
        return Agenda(lab.task_ids, outcomes, time.monotonic())

    def _heed(self, followed: _Followed, news: News) -> None:
        agenda, now = followed.agenda, time.monotonic()
        if agenda is None:
            return  # its first looks are still to come
        agenda.changed(changes_in(news.events, followed.probes), now)
        if news.skipped:
            agenda.changed_somehow(now)
        followed.wake.set()

    async def _step(self, followed: _Followed, agenda: Agenda) -> None:
        """Make the next look, or wait until there may be one."""
        followed.wake.clear()
        planned = None if followed.aside else agenda.next(time.monotonic())
        if planned is not None and planned[1] <= 0:
            await self._look(followed, agenda, planned[0])
            return
        with suppress(TimeoutError):
            await asyncio.wait_for(followed.wake.wait(), planned and planned[1])

    async def _look(self, followed: _Followed, agenda: Agenda, task: str) -> None:
        ticket = self._places.ask(followed.attempt.learner)
        try:
            await ticket.decided.wait()
            if not followed.aside:
                followed.idle.clear()
                agenda.begin()
                await self._judge(followed, agenda, task)
        except Cancelled:
            pass  # what was asked for comes first; the task stays due
        finally:
            if not followed.idle.is_set():
                agenda.give_up()
                followed.idle.set()
            self._places.leave(ticket)

    async def _judge(self, followed: _Followed, agenda: Agenda, task: str) -> None:
        loop, began = asyncio.get_running_loop(), time.monotonic()
        cancel = followed.cancel = threading.Event()
        report = await loop.run_in_executor(
            self._threads, self._attempts.look, followed.attempt.id, task, cancel
        )
        (result,) = report.results
        now = time.monotonic()
        self._on_look(report, now - began)
        if agenda.end(result, reads_of(result.evidence), now - began, now):
            await loop.run_in_executor(self._threads, self._attempts.keep, report)
            self._on_verdict(report)

    def _drop_if_alone(self, followed: _Followed) -> None:
        if not followed.followers and followed.task is not None:
            followed.cancel.set()
            followed.task.cancel()


def _hear(agenda: Agenda, report: Report) -> None:
    for result in report.results:
        agenda.heard(result, reads_of(result.evidence), time.monotonic())
