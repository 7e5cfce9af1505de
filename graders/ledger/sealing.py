"""Sealing: the newest seal of a chain is stored beside the work, since nobody waits for it.

A seal tells how long a chain was at least, so one that is late hides nothing that was signed before
it. Of many that come at once only the newest is written.
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

from clusters.errors import AssayError
from graders.ledger.keys import Keyring, Seal

log = logging.getLogger(__name__)


class Sealing:
    """Stores seals in a thread of its own, which ends after the last one with the process."""

    def __init__(self, keyring: Keyring) -> None:
        """Store them with this keyring."""
        self._keyring = keyring
        self.begin_anew()
        os.register_at_fork(after_in_child=partial(_begin_anew, weakref.ref(self)))

    def begin_anew(self) -> None:
        """Forget everything: in a copy of the process, the thread is the original's."""
        self._turn = threading.Lock()
        self._pending: dict[str, Seal] = {}
        self._last: Future[None] | None = None
        self._thread: ThreadPoolExecutor | None = None

    def advance(self, chain: str, seal: Seal) -> None:
        """Have a newer seal stored; an older one changes nothing."""
        with self._turn:
            before = self._pending.get(chain)
            if before is None or seal.length > before.length:
                self._pending[chain] = seal
            if before is None:
                self._thread = self._thread or ThreadPoolExecutor(1, "sealing")
                self._last = self._thread.submit(self._store, chain)

    def wait(self) -> None:
        """Return when every seal so far is stored."""
        with self._turn:
            last = self._last
        if last is not None:
            last.result()

    def _store(self, chain: str) -> None:
        with self._turn:
            seal = self._pending.pop(chain)
        try:
            self._keyring.advance_seal(chain, seal)
        except (AssayError, OSError) as error:
            log.warning("the seal of the ledger could not be stored, the next one will: %s", error)


def _begin_anew(known: weakref.ref[Sealing]) -> None:
    if (sealing := known()) is not None:
        sealing.begin_anew()
