"""HeldEvidence: bundles of gradings whose reports are not in the ledger yet.

A grading that leads to no report leaves nothing on disk; one that does is on disk before.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from graders.bundles.bundle import digest_of, pack
from graders.bundles.store import EvidenceStore

HELD_BYTES = 64 << 20
"""Compressed bytes that are held; the oldest bundle goes first."""


class HeldEvidence:
    """Holds bundles until somebody wants them kept. Safe to share between threads."""

    def __init__(self, limit: int = HELD_BYTES) -> None:
        """Hold at most `limit` bytes."""
        self._limit = limit
        self._bytes = 0
        self._held: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def hold(self, text: bytes) -> str:
        """Hold a bundle and return its digest."""
        digest, packed = digest_of(text), pack(text)
        with self._lock:
            self._remove(digest)
            self._held[digest] = packed
            self._bytes += len(packed)
            while self._bytes > self._limit:
                self._remove(next(iter(self._held)))
        return digest

    def keep(self, digest: str, store: EvidenceStore) -> bool:
        """Move a bundle to a store; whether it is there now.

        Raises:
            OSError: there is no room, or no right to write.
        """
        with self._lock:
            packed = self._held.get(digest)
        if packed is None:
            return store.has(digest)
        store.put_packed(digest, packed)
        with self._lock:
            self._remove(digest)
        return True

    def _remove(self, digest: str) -> None:
        self._bytes -= len(self._held.pop(digest, b""))
