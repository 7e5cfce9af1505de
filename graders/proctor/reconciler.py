"""Reconciler: every few seconds, what is becomes what should be.

What was interrupted is ended, what is due expires, what died is started again. It needs no memory:
each round looks at the ledger, the clusters and the hub as they are.
"""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import Executor
from datetime import UTC, datetime

import httpx

from clusters.errors import AssayError
from graders.attempts import Attempts
from graders.attempts.extending import ends_soon
from graders.ledger import LIVE_STATES, Attempt, Ledger
from graders.proctor.events import Events
from graders.proctor.metrics import Metrics
from graders.proctor.notebook_servers import NotebookServers
from graders.proctor.queue import Seat
from graders.proctor.view import attempt_document

EVERY = 5.0
"""Seconds between two rounds."""
LOOK_AT_HUB_EVERY = 30.0
"""Seconds between two looks at the notebook servers while no attempt ends."""

log = logging.getLogger("assay.proctor")


class Reconciler:
    """Runs rounds until it is cancelled; a round that fails is logged and the next one comes."""

    def __init__(
        self,
        attempts: Attempts,
        ledger: Ledger,
        servers: NotebookServers | None,
        events: Events,
        metrics: Metrics,
        threads: Executor,
    ) -> None:
        self._attempts = attempts
        self._ledger = ledger
        self._servers = servers
        self._events = events
        self._metrics = metrics
        self._threads = threads
        self._soon = asyncio.Event()
        self._live: dict[str, Attempt] = {}
        self._looked_at = datetime.now(UTC)
        self._looked_at_hub = float("-inf")

    def hurry(self) -> None:
        """Run the next round at once."""
        self._soon.set()

    async def run(self) -> None:
        """Run rounds for ever."""
        while True:
            self._soon.clear()
            try:
                await self.round()
            except (AssayError, httpx.HTTPError) as error:
                self._metrics.reconcile_failures.inc()
                log.warning("reconcile: %s", error or type(error).__name__)
            except Exception:
                self._metrics.reconcile_failures.inc()
                log.exception("reconcile: unexpected error")
            try:
                await asyncio.wait_for(self._soon.wait(), EVERY)
            except TimeoutError:
                continue

    async def round(self) -> None:
        """Put right what can be put right now."""
        loop = asyncio.get_running_loop()
        for action in await loop.run_in_executor(self._threads, self._attempts.reconcile):
            self._metrics.repairs.inc()
            log.info("reconcile: %s", action)
        live = await loop.run_in_executor(self._threads, self._read_live)
        ended = self._live.keys() - live.keys()
        for id in ended:
            document = await asyncio.to_thread(self._document, id)
            self._events.publish(id, "attempt", document)
        for id, attempt in live.items():
            if ends_soon(attempt) and not ends_soon(self._live.get(id, attempt), self._looked_at):
                self._events.publish(id, "attempt", await asyncio.to_thread(self._document, id))
        self._live, self._looked_at = live, datetime.now(UTC)
        self._metrics.live.set(len(live))
        if ended or time.monotonic() - self._looked_at_hub > LOOK_AT_HUB_EVERY:
            await self._stop_servers(live)

    async def _stop_servers(self, live: dict[str, Attempt]) -> None:
        """Stop the notebook servers of attempts that are over."""
        if self._servers is None:
            return
        self._looked_at_hub = float("-inf")  # if this fails, the next round tries again
        wanted = {Seat(attempt.learner, attempt.lab) for attempt in live.values()}
        for seat in await self._servers.stop_all_but(wanted):
            log.info("reconcile: stopped a notebook server of lab %s", seat.lab)
        self._looked_at_hub = time.monotonic()

    def _document(self, id: str) -> dict[str, object]:
        return attempt_document(self._ledger, self._ledger.attempt(id))

    def _read_live(self) -> dict[str, Attempt]:
        return {attempt.id: attempt for attempt in self._ledger.attempts(states=LIVE_STATES)}
