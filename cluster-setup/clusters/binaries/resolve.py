"""Resolving binaries: from the cache, or from the official release, or from a build."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clusters.binaries.build import build_binary
from clusters.binaries.lock import SOURCES, Binary, installed_lock
from clusters.binaries.store import Origin, Slot
from clusters.phases import OnPhase, Phase, ignore


def ensure_binaries(names: Iterable[str], on_phase: OnPhase = ignore) -> dict[str, Path]:
    """Return the path of each binary, bringing to the cache what is not there yet."""
    lock = installed_lock()
    wanted = lock.check_names(names)
    slots = {name: Slot(name, lock.binaries[name].version) for name in wanted}
    missing = [slot for slot in slots.values() if not slot.filled]
    for position, slot in enumerate(missing):
        _bring(slot, lock.binaries[slot.name], on_phase, position, len(missing))
    return {name: slot.path for name, slot in slots.items()}


def binaries_present(names: Iterable[str]) -> list[str]:
    """Return those of `names` that are not in the cache; nothing is changed."""
    lock = installed_lock()
    return [n for n in lock.check_names(names) if not Slot(n, lock.binaries[n].version).filled]


def _bring(slot: Slot, binary: Binary, on_phase: OnPhase, position: int, count: int) -> None:
    began = time.monotonic()
    title = f"Building {slot.name} {slot.version}"

    def tell(detail: str, share: float) -> None:
        on_phase(Phase("binary-build", f"{title}: {detail}", int(100 * (position + share) / count)))

    def tell_wait() -> None:
        tell("another process is at it, waiting", 0)

    with slot.locked(tell_wait):
        if slot.filled:
            return
        with slot.scratch() as scratch:
            built = scratch / slot.name
            build_binary(binary.build, SOURCES, built, tell)
            digest = hashlib.sha256(built.read_bytes()).hexdigest()
            at = datetime.now(UTC).isoformat(timespec="seconds")
            slot.fill(built, Origin("build", binary.build.package, digest, at))
    percent = int(100 * (position + 1) / count)
    on_phase(Phase("binary-build", title, percent, time.monotonic() - began))
