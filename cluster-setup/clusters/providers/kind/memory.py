"""Memory of a node: what its control group holds, without what the kernel can drop at once."""

from __future__ import annotations

from pathlib import Path

_ROOTS = (Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup"))


def node_memory(container: str, pid: int) -> int:
    """Return bytes that a container uses, 0 when it has ended.

    The same figure as `docker stats` shows (usage less inactive_file), without its two seconds.

    Args:
        container: Docker's id of it.
        pid: of its first process.
    """
    group = _group_of(container, pid)
    if group is None:
        return 0
    used = _number(group / "memory.usage_in_bytes") or _number(group / "memory.current")
    return max(used - _droppable(group), 0)


def _group_of(container: str, pid: int) -> Path | None:
    """Return the folder of a container's control group, in whichever version there is."""
    try:
        lines = Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        number, controllers, path = line.split(":", 2)
        at = path.find(container)
        if at < 0 or (number != "0" and "memory" not in controllers.split(",")):
            continue
        end = path.find("/", at)
        below = path[: end if end > 0 else None].lstrip("/")
        return next((root / below for root in _ROOTS if (root / below).is_dir()), None)
    return None


def _droppable(group: Path) -> int:
    try:
        lines = (group / "memory.stat").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    stat = dict(line.split() for line in lines)
    return int(stat.get("total_inactive_file", stat.get("inactive_file", 0)))


def _number(path: Path) -> int:
    try:
        return int(path.read_text(encoding="ascii"))
    except (OSError, ValueError):
        return 0
