"""Network namespaces: the walls around the processes of one cluster.

Whoever is not root needs a user namespace for it, in which it is root over nothing but what it had
(user_namespaces(7)). A namespace lives as long as a process in it, so nothing has to be removed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache

import psutil

_MAKE_AS_ROOT = ("unshare", "--net", "--")
_MAKE = ("unshare", "--user", "--map-root-user", "--net", "--")
_PATIENCE = 5.0


@cache
def why_no_walls() -> str:
    """Try to make a namespace; return what this host says against it, "" when it can."""
    for program in ("unshare", "nsenter"):
        if shutil.which(program) is None:
            return f"{program} is not installed; it comes with util-linux"
    try:
        done = subprocess.run(
            [*making(), "true"], capture_output=True, text=True, timeout=_PATIENCE, cwd="/"
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else done.stderr.strip() or "unshare was refused"


def making() -> tuple[str, ...]:
    """Return the command that runs another one in a new namespace."""
    return _MAKE_AS_ROOT if os.geteuid() == 0 else _MAKE


class Walls:
    """The namespace of a running cluster, held by open descriptors."""

    def __init__(self, descriptors: tuple[int, ...]) -> None:
        self.descriptors = descriptors
        """What a process that `entering` starts has to inherit."""

    @property
    def entering(self) -> tuple[str, ...]:
        """The command that runs another one inside."""
        if len(self.descriptors) == 1:
            return ("nsenter", f"--net={_path(self.descriptors[0])}", "--")
        network, user = self.descriptors
        return (
            *("nsenter", f"--user={_path(user)}", f"--net={_path(network)}"),
            *("--preserve-credentials", "--"),
        )


@contextmanager
def walls_of(inhabitants: Iterable[psutil.Process]) -> Iterator[Walls | None]:
    """Hold the namespace that processes live in; None when all of them live in the host's own.

    Args:
        inhabitants: processes of one cluster.
    """
    descriptors: list[int] = []
    try:
        for process in inhabitants:
            try:
                descriptors = _open_namespaces(process)
            except (OSError, psutil.NoSuchProcess):
                continue
            if descriptors:
                break
        yield Walls(tuple(descriptors)) if descriptors else None
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


def _open_namespaces(process: psutil.Process) -> list[int]:
    """Open the namespaces of a process where they are not ours, the network's first."""
    opened: list[int] = []
    for kind in ("net", "user"):
        descriptor = os.open(f"/proc/{process.pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC)
        if os.path.samestat(os.fstat(descriptor), os.stat(f"/proc/self/ns/{kind}")):
            os.close(descriptor)
        else:
            opened.append(descriptor)
    if not process.is_running():  # the pid may be another's by now
        for descriptor in opened:
            os.close(descriptor)
        return []
    return opened


def _path(descriptor: int) -> str:
    return f"/proc/self/fd/{descriptor}"
