"""Shelf: the labs as the catalogue shows them, and why some cannot be started here."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from clusters.addons.catalogue import existing, why_not_here
from clusters.capability import Capability
from graders.catalogue import LabProblem, all_labs
from graders.lab import Lab
from graders.rehearsal.cards import CardStatus, card_of

_SECONDS = 3.0
"""How long the folder is not read again; an author sees a change after so long."""

_IN_WORDS = {
    Capability.SCHEDULING: "a real API server and scheduler",
    Capability.CONTAINERS: "Pods that are real containers",
    Capability.NETWORKING: "Pod addresses and Services that carry traffic",
    Capability.INFERENCE: "model servers that answer",
    Capability.GPU: "GPUs in hardware",
}


class Labs(NamedTuple):
    """What was found in the folder of labs."""

    labs: tuple[Lab, ...]
    broken: tuple[LabProblem, ...]


class Shelf:
    """Reads the folder of labs, at most every few seconds. Safe to share between threads."""

    def __init__(self, offered: Collection[Capability]) -> None:
        self.offered = frozenset(offered)
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._labs = Labs((), ())
        self._cards: dict[str, CardStatus] = {}

    def read(self) -> Labs:
        """Return every lab and everything that should be one."""
        with self._lock:
            if time.monotonic() - self._read_at > _SECONDS:
                self._labs = _sorted_out(all_labs())
                self._cards = {}
                self._read_at = time.monotonic()
            return self._labs

    def find(self, slug: str) -> Lab | None:
        """Return a lab that can be read; None when there is none of this name."""
        return next((lab for lab in self.read().labs if lab.slug == slug), None)

    def card(self, lab: Lab) -> CardStatus:
        """Return what the report card of a lab says; it is read as seldom as the labs are."""
        cards = self._cards
        if lab.slug not in cards:
            cards[lab.slug] = card_of(lab)
        return cards[lab.slug]

    def why_not(self, lab: Lab) -> str:
        """Return why a lab cannot be started on this installation; empty when it can."""
        missing = sorted(lab.needs - self.offered)
        if not missing:
            names = (addon.name for addon in existing(lab.document.addons))
            return f"{reason}." if (reason := why_not_here(names)) else ""
        words = " and ".join(_IN_WORDS[capability] for capability in missing)
        return f"It needs {words}, which this installation does not offer."


def in_words(capability: Capability) -> str:
    """Say what a capability is."""
    return _IN_WORDS[capability]


def _sorted_out(found: Sequence[Lab | LabProblem]) -> Labs:
    return Labs(
        tuple(entry for entry in found if isinstance(entry, Lab)),
        tuple(entry for entry in found if isinstance(entry, LabProblem)),
    )
