"""CleanMark: says of a cluster that no grader has left a probe in it.

Looking for leftovers means listing every kind; with the mark it is done only where a grading may
have been cut off. The mark is taken away before a grading begins and put back when it ended well,
and names the boot of the machine, so that no crash leaves one that is wrong.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class CleanMark:
    """The mark of one cluster. Used by whoever has the cluster's turn."""

    def __init__(self, cluster_file: Path) -> None:
        """Keep the mark beside a file that is the cluster's own and out of learners' reach."""
        self._path = cluster_file.with_name(f".{cluster_file.name}.clean")

    def take(self) -> bool:
        """Take the mark away; return whether it was there."""
        boot = _boot()
        try:
            found = self._path.read_text(encoding="ascii")
            self._path.unlink()
        except (OSError, UnicodeDecodeError):
            return False
        return bool(boot) and found == boot

    def put(self) -> None:
        """Mark the cluster as clean; where that cannot be written, the next grading looks."""
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(descriptor, "w", encoding="ascii") as file:
                file.write(_boot())


def _boot() -> str:
    try:
        return _BOOT.read_text(encoding="ascii").strip()
    except OSError:
        return ""
