"""The processes of a cluster: started detached, and found again by a mark in their environment.

The system's own process table is the only list of what runs. A process is held as pid and creation
time together (psutil.Process), so a pid that the system gave to another program is never signalled.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import psutil

from clusters.errors import ClusterError

CLUSTER_MARK = "ASSAY_CLUSTER"
"""Environment variable with the folder of the cluster that a process belongs to."""
COMPONENT_MARK = "ASSAY_COMPONENT"
"""Environment variable with the component's name."""
STOP_SECONDS = 10.0
"""How long killed processes may take to be gone."""
_STOP_ROUNDS = 3

Running = dict[str, list[psutil.Process]]
"""The running processes of one cluster by component; more than one only after an accident."""


def start_detached(
    component: str, command: list[str], folder: Path, log: Path, environment: Mapping[str, str]
) -> psutil.Process:
    """Start a process that outlives this one, in a session of its own, and return it.

    It inherits nothing but `environment` and the marks, and its parent is the system's first
    process, so it never waits as a zombie for a parent that does not know it.

    Args:
        component: name it is found by.
        command: program and arguments.
        folder: the cluster's folder: working folder and mark.
        log: file that both of its outputs are appended to.
        environment: its whole environment, besides the marks.

    Raises:
        psutil.NoSuchProcess: it has ended already.
    """
    marks = {CLUSTER_MARK: str(folder), COMPONENT_MARK: component}
    log.parent.mkdir(mode=0o700, exist_ok=True)
    with open(log, "ab", opener=_open_private) as output:
        shell = subprocess.run(
            ["/bin/sh", "-c", '"$@" >&2 & echo $!', "sh", *command],
            cwd=folder,
            env={**environment, **marks},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            start_new_session=True,
            check=True,
        )
    return psutil.Process(int(shell.stdout))


def find_clusters(root: Path) -> dict[str, Running]:
    """Return the running processes of every cluster below `root`, by the cluster's name."""
    found: dict[str, Running] = defaultdict(lambda: defaultdict(list))
    for process in _own_processes():
        marks = _marks(process)
        folder = Path(marks.get(CLUSTER_MARK, "/"))
        if folder.parent == root:
            found[folder.name][marks.get(COMPONENT_MARK, "unknown")].append(process)
    return {name: dict(running) for name, running in found.items()}


def find_cluster(folder: Path) -> Running:
    """Return the running processes of one cluster."""
    return find_clusters(folder.parent).get(folder.name, {})


def stop_cluster(folder: Path) -> None:
    """End every process of a cluster at once: it has nothing to lose, and nothing may survive.

    Raises:
        ClusterError: a process does not end.
    """
    for _ in range(_STOP_ROUNDS):
        left = [process for group in find_cluster(folder).values() for process in group]
        if not left:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_for_end(left)
    pids = ", ".join(str(process.pid) for process in left)
    raise ClusterError(f"processes of cluster {folder.name} do not end: {pids}")


def _wait_for_end(ended: list[psutil.Process]) -> None:
    """Wait until processes hold nothing any more; a zombie of a slow parent holds nothing."""
    deadline = time.monotonic() + STOP_SECONDS
    while any(alive(process) for process in ended) and time.monotonic() < deadline:
        time.sleep(0.005)


def resident_memory(process: psutil.Process) -> int:
    """Return resident memory in bytes, 0 when the process has ended."""
    try:
        memory: int = process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return memory


def alive(process: psutil.Process) -> bool:
    """Say whether this very process still runs, or still holds its files and ports.

    Its first thread may be a zombie while others have not ended yet.
    """
    try:
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
        return process.is_running() and not ended
    except psutil.NoSuchProcess:
        return False


def _own_processes() -> Iterator[psutil.Process]:
    """Yield the processes of this user; one of somebody else is not ours, whatever it claims.

    Not psutil.process_iter: it remembers processes, and would show a new one under the identity
    of an ended one that had the same pid.
    """
    user = os.getuid()
    for pid in psutil.pids():
        with suppress(psutil.Error):
            process = psutil.Process(pid)
            if process.uids().real == user:
                yield process


def _marks(process: psutil.Process) -> dict[str, str]:
    with suppress(psutil.Error):
        environment: dict[str, str] = process.environ()
        return environment
    return {}


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
