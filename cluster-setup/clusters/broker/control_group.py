"""ControlGroup: what the kernel lets the processes of this one take together.

A limit may stand at the group itself or at any one above it, in version 2 of control groups as well
as in version 1 (cgroups(7), memory.rst of the kernel's admin guide). What is used counts pages of
files as well; those that nobody touched lately are given back before anything is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
_INACTIVE = re.compile(r"^(?:total_)?inactive_file (\d+)$", re.MULTILINE)


class _Files(NamedTuple):
    """How the files of a version are called."""

    limit: str
    used: str


_V2 = _Files("memory.max", "memory.current")
_V1 = _Files("memory.limit_in_bytes", "memory.usage_in_bytes")


@dataclass(frozen=True)
class Allowance:
    """What one control group may take, in bytes."""

    limit: int
    used: int
    """Without what is given back at once where somebody needs it."""

    @property
    def left(self) -> int:
        """What its processes can still take."""
        return max(0, self.limit - self.used)


def allowances(own: Path = _OWN, root: Path = ROOT) -> list[Allowance]:
    """Return what limits this process; nothing where there is no limit.

    Args:
        own: says in which groups this process is.
        root: where control groups are mounted.
    """
    found = (_read(folder, files) for folder, files in _groups(own, root))
    return [allowance for allowance in found if allowance is not None]


def _groups(own: Path, root: Path) -> Iterator[tuple[Path, _Files]]:
    """Yield the groups of this process and those above them.

    In a container the path may be that of the host, whose folders are not there; the mounted root
    is the container's own group then.
    """
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            place, files = root, _V2
        elif "memory" in controllers.split(","):
            place, files = root / "memory", _V1
        else:
            continue
        parts = Path(path.lstrip("/")).parts
        for depth in range(len(parts), -1, -1):
            yield place.joinpath(*parts[:depth]), files


def _read(folder: Path, files: _Files) -> Allowance | None:
    try:
        limit = int((folder / files.limit).read_text())
        used = int((folder / files.used).read_text())
        spare = _INACTIVE.search((folder / "memory.stat").read_text())
    except (OSError, ValueError):  # no such group here, or no limit ("max")
        return None
    return Allowance(limit, max(0, used - int(spare[1] if spare else 0)))
