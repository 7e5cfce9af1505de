"""Environment: the variables of a worker's process."""

from __future__ import annotations

from pathlib import Path


def environment_in(folder: Path | str) -> dict[str, str]:
    """Return the whole environment of a process with this folder: above all no secrets."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
    }
