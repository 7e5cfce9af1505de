"""Progress of the binaries that one call brings, as a single stream of phases."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from clusters.phases import OnPhase, Phase

_MEGABYTE = 1_000_000
_EVERY = 0.2
"""Seconds between two phases of the same kind; listeners may be at the end of a network."""


@dataclass
class Progress:
    """Tells how far one binary is, as a share of all that are brought."""

    on_phase: OnPhase
    title: str
    """Name and version of the binary."""
    position: int
    """How many binaries are already done."""
    count: int
    """How many there are."""
    _kind: str = "wait"
    _message: str = ""
    _began: float = field(default_factory=time.monotonic)
    _told: float = 0.0

    def tell(self, kind: str, detail: str, share: float = 0.0) -> None:
        """Tell what is happening to this binary.

        Args:
            kind: `wait`, `download` or `build`.
            detail: what a person reads after the title.
            share: how much of this binary is done, 0 to 1.
        """
        now = time.monotonic()
        if kind == self._kind and now - self._told < _EVERY:
            return
        self._told, self._kind = now, kind
        verb = {"wait": "Waiting for", "download": "Downloading", "build": "Building"}[kind]
        self._message = f"{verb} {self.title}"
        self._say(f"binary-{kind}", f"{self._message}: {detail}", share)

    def tell_bytes(self, have: int, total: int | None) -> None:
        """Tell how many bytes of a download have arrived."""
        of_total = f" of {total / _MEGABYTE:.0f}" if total else ""
        share = have / total if total else 0.0
        self.tell("download", f"{have / _MEGABYTE:.0f}{of_total} MB", share)

    def tell_build(self, detail: str, share: float) -> None:
        """Tell how far a build is."""
        self.tell("build", detail, share)

    def fall_back(self, reason: str) -> None:
        """Tell that the release cannot be used and a build takes its place."""
        message = f"{self.title} is built here, since {reason}"
        self._say("binary-fallback", message, 0.0, self._elapsed())

    def end(self) -> float:
        """Tell that the binary is in the cache, and return the seconds it took."""
        seconds = self._elapsed()
        self._say(f"binary-{self._kind}", self._message or self.title, 1.0, seconds)
        return seconds

    def _say(self, name: str, message: str, share: float, seconds: float | None = None) -> None:
        percent = int(100 * (self.position + share) / self.count)
        self.on_phase(Phase(name, message, percent, seconds))

    def _elapsed(self) -> float:
        return time.monotonic() - self._began
