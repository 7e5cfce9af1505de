"""The processes of a cluster: started detached, and found again by a mark in their environment.

The system's own process table is the only list of what runs. A process is held as pid and creation
time together (psutil.Process), so a pid that the system gave to another program is never signalled.
"""

from __future__ import annotations

import os
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

CLUSTER_MARK = "ASSAY_CLUSTER"
"""Environment variable with the folder of the cluster that a process belongs to."""
COMPONENT_MARK = "ASSAY_COMPONENT"
"""Environment variable with the component's name."""
STOP_SECONDS = 10.0

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
    for process in psutil.process_iter():
        marks = _marks(process)
        folder = Path(marks.get(CLUSTER_MARK, "/"))
        if folder.parent == root:
            found[folder.name][marks.get(COMPONENT_MARK, "unknown")].append(process)
    return {name: dict(running) for name, running in found.items()}


def find_cluster(folder: Path) -> Running:
    """Return the running processes of one cluster."""
    return find_clusters(folder.parent).get(folder.name, {})


def stop(processes: Iterable[psutil.Process]) -> None:
    """End processes at once; a lab's cluster has nothing to lose, and nothing may survive."""
    processes = list(processes)
    for process in processes:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=STOP_SECONDS)


def resident_memory(process: psutil.Process) -> int:
    """Return resident memory in bytes, 0 when the process has ended."""
    try:
        memory: int = process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return memory


def alive(process: psutil.Process) -> bool:
    """Say whether this very process still runs."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _marks(process: psutil.Process) -> dict[str, str]:
    """Read the marks; a process of somebody else is none of ours, whatever it claims to be."""
    try:
        if process.uids().real != os.getuid():
            return {}
        environment: dict[str, str] = process.environ()
    except psutil.Error:
        return {}
    return environment


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
