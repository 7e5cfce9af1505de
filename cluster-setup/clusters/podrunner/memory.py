"""Memory of containers: measured every moment, and a container that takes too much is killed.

It needs no control group, so it works on every host. What a process can take between two looks is
bounded by its resource limits.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from clusters.providers.embedded.processes import descendants

SECONDS = 1.0
"""Between two looks."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


def memory_below(first: int) -> int:
    """Return the resident bytes of what a container's first process has started."""
    return sum(_resident(pid) for pid in descendants(first))


def _resident(pid: int) -> int:
    """Return private and shared memory; pages of files are the host's anyway."""
    with suppress(OSError, IndexError, ValueError):
        _, resident, of_files = Path(f"/proc/{pid}/statm").read_text().split()[:3]
        return (int(resident) - int(of_files)) * _PAGE
    return 0
