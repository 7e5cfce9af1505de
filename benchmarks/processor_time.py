"""Processor time: what a section costs the machine, whatever else the machine does meanwhile."""

from __future__ import annotations

import resource


def processor_seconds() -> float:
    """Return the processor time of this process and of its children that were waited for."""
    used = 0.0
    for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        usage = resource.getrusage(whose)
        used += usage.ru_utime + usage.ru_stime
    return used
