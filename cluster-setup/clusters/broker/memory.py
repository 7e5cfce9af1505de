"""Memory: what this machine has left, and what a cluster takes of it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from clusters.broker.control_group import allowances

_PRESSURE = Path("/proc/pressure/memory")
_STALLED = re.compile(r"^full avg10=([0-9.]+)", re.MULTILINE)
_PSS = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(frozen=True)
class Memory:
    """What this machine has, in bytes."""

    total: int
    available: int
    """What more processes could use without swapping."""
    stalled: float = 0.0
    """Percent of the last ten seconds in which nothing ran because all waited for memory."""


def memory_now() -> Memory:
    """Look at the host and at the control groups of this process; the smallest one counts."""
    found, groups = psutil.virtual_memory(), allowances()
    total = min([found.total, *(group.limit for group in groups)])
    available = min([found.available, *(group.left for group in groups)])
    return Memory(total, available, _stalled())


def proportional(pids: Iterable[int]) -> int:
    """Return the bytes that processes take, what they share with others counted by its share."""
    return sum(map(_proportional, pids))


def _proportional(pid: int) -> int:
    try:
        found = _PSS.search(Path(f"/proc/{pid}/smaps_rollup").read_bytes())
    except OSError:  # it ended, or belongs to another account
        return 0
    return int(found[1]) << 10 if found else 0


def _stalled() -> float:
    try:
        found = _STALLED.search(_PRESSURE.read_text())
    except OSError:  # a kernel that does not count it
        return 0.0
    return float(found[1]) if found else 0.0
