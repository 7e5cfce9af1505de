"""Spares: workers that wait, connected to the cluster of an attempt that was graded lately.

A learner who has checked once checks again. The next worker of the attempt is forked as soon as the
one before is done: a fresh copy that has seen no grading, with everything done that does not depend
on the order.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from clusters.errors import AssayError
from graders.kubeconfig import Access
from graders.workers.family import Family
from graders.workers.loaded_lab import Key
from graders.workers.process import WorkerProcess

log = logging.getLogger(__name__)

WAIT_SECONDS = 60.0
"""An API server hangs up on a connection that was idle for 90 s; a spare is replaced before."""
WANTED_SECONDS = 600.0
"""An attempt that was not graded for so long has no spare any more."""
_LOOK_EVERY = 5.0
_PAUSE_SECONDS = 0.05
"""The grading that was done a moment ago is signed and answered first."""


class Place(NamedTuple):
    """Where a spare can be used: for one lab in one state, and one cluster."""

    key: Key
    access: Access
    audit_log: Path | None


class _Spare(NamedTuple):
    worker: WorkerProcess
    since: float


class Spares:
    """Makes spares in a thread of its own, and ends those that nobody needed."""

    def __init__(self, make: Callable[[Place], WorkerProcess | None]) -> None:
        """Make spares with `make`; none before `keep` says how many."""
        self._make = make
        self._most = 0
        self._turn = threading.Lock()
        self._spares: dict[Place, _Spare] = {}
        self._wanted: OrderedDict[Place, float] = OrderedDict()
        """When each place was last used; the newest is the last."""
        self._wishes: queue.SimpleQueue[Place | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def keep(self, most: int) -> None:
        """Keep at most so many spares from now on."""
        with self._turn:
            self._most = most
            if most and self._thread is None:
                self._thread = threading.Thread(target=self._tend, name="spares", daemon=True)
                self._thread.start()

    def take(self, place: Place, family: Family) -> WorkerProcess | None:
        """Return a worker for a place, forked by this family; None where none waits."""
        with self._turn:
            spare = self._spares.pop(place, None)
        if spare is None:
            return None
        if spare.worker.alive and spare.worker.family is family:
            return spare.worker
        spare.worker.close()
        return None

    def want(self, place: Place) -> None:
        """Say that a place was used just now, and may be used again."""
        with self._turn:
            if self._thread is None:
                return
            self._wanted[place] = time.monotonic()
            self._wanted.move_to_end(place)
            while len(self._wanted) > self._most:
                self._wanted.popitem(last=False)
        self._wishes.put(place)

    def close(self) -> None:
        """End every spare and make no more."""
        with self._turn:
            thread, self._thread = self._thread, None
            self._wanted.clear()
        if thread is not None:
            self._wishes.put(None)
            thread.join()
        for place in list(self._spares):
            self._end(place)

    def _tend(self) -> None:
        while True:
            wish = None
            with suppress(queue.Empty):
                wish = self._wishes.get(timeout=_LOOK_EVERY)
                if wish is None:
                    return
            if wish is not None:
                time.sleep(_PAUSE_SECONDS)
                self._provide(wish)
            else:
                self._look_after()

    def _look_after(self) -> None:
        """Replace spares that have waited too long, and end those of places nobody uses."""
        now = time.monotonic()
        with self._turn:
            for place in [p for p, at in self._wanted.items() if now - at > WANTED_SECONDS]:
                del self._wanted[place]
            old = [p for p, spare in self._spares.items() if now - spare.since > WAIT_SECONDS]
            unwanted = [p for p in self._spares if p not in self._wanted]
        for place in {*old, *unwanted}:
            self._end(place)
        for place in list(self._wanted):
            self._provide(place)

    def _provide(self, place: Place) -> None:
        with self._turn:
            if place in self._spares or place not in self._wanted:
                return
        try:
            worker = self._make(place)
        except (AssayError, OSError) as error:
            log.debug("no spare worker: %s", error)
            worker = None
        with self._turn:
            if worker is None:
                self._wanted.pop(place, None)
            else:
                self._spares[place] = _Spare(worker, time.monotonic())

    def _end(self, place: Place) -> None:
        with self._turn:
            spare = self._spares.pop(place, None)
        if spare is not None:
            spare.worker.close()
