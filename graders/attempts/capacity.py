"""Capacity: how many clusters this installation runs at once."""

from __future__ import annotations

import os
from pathlib import Path

import psutil

from clusters.errors import ClusterError, InputInvalid

BYTES_PER_CLUSTER = 512 * 1024**2
"""What one more cluster needs (450 MiB at most, and room for its objects)."""
_SETTING = "ASSAY_MAX_CLUSTERS"
_CGROUP = Path("/sys/fs/cgroup")


class CapacityExhausted(ClusterError):
    """Every cluster that this installation can run is in use."""


def require_room(running: int, promised: int) -> None:
    """Refuse one more cluster when there is no room for it.

    Args:
        running: clusters that exist; the free memory is what they left over.
        promised: clusters that exist or that a live attempt will make.

    Raises:
        CapacityExhausted: there is no room; the sentence says what to do.
        InputInvalid: `ASSAY_MAX_CLUSTERS` is not a number.
    """
    limit = _limit(running)
    if promised >= limit:
        raise CapacityExhausted(
            f"all {limit} clusters that this installation can run are in use; finish a lab that "
            f"you no longer need, try again later, or raise {_SETTING}"
        )


def _limit(running: int) -> int:
    setting = os.environ.get(_SETTING)
    if not setting:
        return max(1, running + available_memory() // BYTES_PER_CLUSTER)
    if not setting.isdecimal() or int(setting) < 1:
        raise InputInvalid([f"{_SETTING}: must be a whole number above 0, not {setting!r}"])
    return int(setting)


def available_memory() -> int:
    """Return the bytes that more clusters could use, on the host and in this control group."""
    available: int = psutil.virtual_memory().available
    try:
        limit = int((_CGROUP / "memory.max").read_text())
        used = int((_CGROUP / "memory.current").read_text())
    except (OSError, ValueError):  # no control group of version 2, or no limit ("max")
        return available
    return min(available, max(0, limit - used))
