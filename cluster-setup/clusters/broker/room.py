"""Room: how many more clusters this machine can hold, so that it never swaps to death."""

from __future__ import annotations

import os
from collections.abc import Sequence

from clusters.broker.memory import Memory
from clusters.errors import ClusterError, InputInvalid
from clusters.provider import Cluster, ClusterState

USUAL_NEED = 512 * 2**20
"""Bytes that one more cluster needs where none was measured: 450 MiB, and room for its objects."""
LEAST_NEED = 256 * 2**20
GROWTH = 1.3
"""A cluster grows as its owner works: this much more than the largest measured one."""
MOST_RESERVE = 2**30
RESERVED = 0.05
"""Part of the memory, at most `MOST_RESERVE`, that stays free for everything else."""
TOO_STALLED = 20.0
"""Percent of time lost to memory from which on nothing more is started."""
_SETTING = "ASSAY_MAX_CLUSTERS"


class CapacityExhausted(ClusterError):
    """Every cluster that this installation can run is in use."""


def need_of(measured: Sequence[int]) -> int:
    """Return the bytes that one more cluster will need.

    Args:
        measured: what some of the running ones take.
    """
    known = [size for size in measured if size]
    return max(LEAST_NEED, int(max(known) * GROWTH)) if known else USUAL_NEED


def limit_of(clusters: Sequence[Cluster], need: int, memory: Memory) -> int:
    """Return how many clusters this installation can hold; at least one.

    Args:
        clusters: those that exist; the available memory is what they left over.
        need: bytes for one more.
        memory: what the machine has.

    Raises:
        InputInvalid: `ASSAY_MAX_CLUSTERS` is not a number.
    """
    if setting := os.environ.get(_SETTING):
        if not setting.isdecimal() or int(setting) < 1:
            raise InputInvalid([f"{_SETTING}: must be a whole number above 0, not {setting!r}"])
        return int(setting)
    if memory.stalled > TOO_STALLED:
        return max(1, len(clusters))
    reserve = min(MOST_RESERVE, int(memory.total * RESERVED))
    left = memory.available - reserve - sum(_missing(cluster, need) for cluster in clusters)
    return max(1, len(clusters) + max(0, left) // need)


def require_room(promised: int, limit: int) -> None:
    """Refuse one more cluster when there is no room for it.

    Args:
        promised: clusters that exist or that somebody was promised.
        limit: how many there may be.

    Raises:
        CapacityExhausted: there is no room; the sentence says what to do.
    """
    if promised >= limit:
        raise CapacityExhausted(
            f"all {limit} clusters that this installation can run are in use; finish a lab that "
            f"you no longer need, try again later, or raise {_SETTING}"
        )


def _missing(cluster: Cluster, need: int) -> int:
    """Return what a cluster that is just being made will still take."""
    if cluster.state is not ClusterState.INCOMPLETE:
        return 0
    return max(0, need - sum(component.memory for component in cluster.components))
