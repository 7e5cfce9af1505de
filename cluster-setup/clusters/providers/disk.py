"""What a cluster needs of the disk that its folder is on, and one sentence where that is full."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clusters.errors import ClusterError, NotReadyError

DISK_NEEDED = 150 << 20
"""Bytes of a new cluster: logs, and etcd's write-ahead log, which grows by 64 MiB at a time."""


def require_space(path: Path) -> None:
    """Refuse to begin what the disk has no room for.

    Raises:
        ClusterError: there is too little space.
    """
    if shutil.disk_usage(path).free < DISK_NEEDED:
        raise ClusterError(_disk_full(path))


@contextmanager
def full_disk_explained(path: Path) -> Iterator[None]:
    """Say that the disk is full where that is why something failed.

    Raises:
        ClusterError: in place of the error that a full disk caused; others pass as they are.
    """
    try:
        yield
    except (OSError, NotReadyError) as error:
        if not _is_about_space(error):
            raise
        raise ClusterError(_disk_full(path)) from error


def _is_about_space(error: OSError | NotReadyError) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return "no space left on device" in str(error)


def _disk_full(path: Path) -> str:
    return (
        f"the disk of {path} is full: a cluster needs {DISK_NEEDED >> 20} MiB there; free some "
        "space, or set ASSAY_HOME to a folder on another disk"
    )
