"""The processes of a cluster: started detached, and found again by a mark in their environment.

The system's own process table is the only list of what runs. A process is held as pid and creation
time together (psutil.Process), so a pid that the system gave to another program is never signalled.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import psutil

from clusters.errors import ClusterError

CLUSTER_MARK = "ASSAY_CLUSTER"
"""Environment variable with the folder of the cluster that a process belongs to."""
COMPONENT_MARK = "ASSAY_COMPONENT"
"""Environment variable with the component's name."""
POD = "pod"
"""Component that the processes of Pods belong to. They carry the mark themselves, or the first
process of their process namespace does."""
STOP_SECONDS = 10.0
"""How long killed processes may take to be gone."""
_STOP_ROUNDS = 3
_BECOMING_SECONDS = 2.0
"""How long after its start a process may still be on the way to its program."""

Running = dict[str, list[psutil.Process]]
"""The running processes of one cluster by component; more than one only after an accident."""


def start_detached(
    component: str,
    command: list[str],
    folder: Path,
    log: Path,
    environment: Mapping[str, str],
    descriptors: Sequence[int] = (),
) -> psutil.Process:
    """Start a process that outlives this one, in a session of its own, and return it.

    It inherits nothing but `environment`, `descriptors` and the marks, and its parent is the
    system's first process, so it never waits as a zombie for a parent that does not know it.

    Args:
        component: name it is found by.
        command: program and arguments.
        folder: the cluster's folder: working folder and mark.
        log: file that both of its outputs are appended to.
        environment: its whole environment, besides the marks.
        descriptors: open files that it inherits under the same numbers.

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
            pass_fds=descriptors,
            check=True,
        )
    return psutil.Process(int(shell.stdout))


def find_clusters(root: Path) -> dict[str, Running]:
    """Return the running processes of every cluster below `root`, by the cluster's name."""
    return _find(root, f"{CLUSTER_MARK}={root}/")


def find_cluster(folder: Path) -> Running:
    """Return the running processes of one cluster."""
    return _find(folder.parent, f"{CLUSTER_MARK}={folder}\0").get(folder.name, {})


def _find(root: Path, mark: str) -> dict[str, Running]:
    found: dict[str, Running] = defaultdict(lambda: defaultdict(list))
    for process in _own_processes(mark.encode()):
        marks = _marks(process)
        folder = Path(marks.get(CLUSTER_MARK, "/"))
        if folder.parent == root and not _is_of_a_container(process):
            found[folder.name][marks.get(COMPONENT_MARK, "unknown")].append(process)
    for running in found.values():
        for first in list(running.get(POD, ())):
            running[POD] += _in_namespace_of(first)
    return {name: dict(running) for name, running in found.items()}


def stop_cluster(folder: Path) -> None:
    """End every process of a cluster at once: it has nothing to lose, and nothing may survive.

    Raises:
        ClusterError: a process does not end.
    """
    for _ in range(_STOP_ROUNDS):
        _wait_for_marks()
        left = [process for group in find_cluster(folder).values() for process in group]
        if not left:
            return
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        _wait_for_end(left)
    pids = ", ".join(str(process.pid) for process in left)
    raise ClusterError(f"processes of cluster {folder.name} do not end: {pids}")


def _wait_for_marks() -> None:
    """Wait until every new process shows what it is.

    While execve(2) exchanges its program, a process has no environment: who looks for a mark in
    that moment misses it. That is short; what has none for good is not waited for.
    """
    deadline = time.monotonic() + _BECOMING_SECONDS
    while any(map(_is_becoming, psutil.pids())) and time.monotonic() < deadline:
        time.sleep(0.002)


def _is_becoming(pid: int) -> bool:
    """Say whether a process is new and shows no environment, though it has a program."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            if file.read(1):
                return False
        os.readlink(f"/proc/{pid}/exe")  # neither a thread of the kernel nor ended
        age: float = time.time() - psutil.Process(pid).create_time()
    except (OSError, psutil.Error):
        return False
    return age < _BECOMING_SECONDS


def _wait_for_end(ended: list[psutil.Process]) -> None:
    """Wait until processes hold nothing any more; a zombie of a slow parent holds nothing."""
    deadline = time.monotonic() + STOP_SECONDS
    while any(alive(process) for process in ended) and time.monotonic() < deadline:
        time.sleep(0.005)


def end(process: psutil.Process) -> None:
    """Kill a process, and wait until it holds nothing any more."""
    with suppress(psutil.NoSuchProcess):
        process.kill()
    _wait_for_end([process])


def hold(process: psutil.Process) -> None:
    """Stop a process where it is; it keeps its memory and takes no processor time."""
    with suppress(psutil.NoSuchProcess):
        process.suspend()
    deadline = time.monotonic() + STOP_SECONDS
    while alive(process) and not is_held(process) and time.monotonic() < deadline:
        time.sleep(0.001)


def is_held(process: psutil.Process) -> bool:
    """Say whether a process is stopped where it is."""
    try:
        status: str = process.status()
    except psutil.NoSuchProcess:
        return False
    return status == psutil.STATUS_STOPPED


def let_all_go(running: Running) -> None:
    """Let the processes of a cluster go on that are held."""
    for group in running.values():
        for process in group:
            with suppress(psutil.NoSuchProcess):
                process.resume()


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


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes that have come from one, at this moment."""
    with suppress(OSError):
        for task in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                children = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
                for child in map(int, children.split()):
                    yield child
                    yield from descendants(child)


def _is_of_a_container(process: psutil.Process) -> bool:
    """Say whether a learner chose what runs, and so the marks: only the first process is ours.

    In a process namespace below ours the first process has the number 1 there (proc(5), NSpid).
    """
    with suppress(OSError, IndexError):
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8", errors="replace")
        numbers = status.partition("\nNSpid:")[2].splitlines()[0].split()
        return len(numbers) > len(_own_numbers()) and numbers[-1] != "1"
    return False


@cache
def _own_numbers() -> tuple[str, ...]:
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return tuple(status.partition("\nNSpid:")[2].splitlines()[0].split())


def _in_namespace_of(first: psutil.Process) -> list[psutil.Process]:
    """Return what a container's first process has started: it has no mark, and maybe no equal."""
    found = []
    with suppress(OSError, psutil.Error):
        namespace = os.stat(f"/proc/{first.pid}/ns/pid")
        for pid in descendants(first.pid):
            with suppress(OSError, psutil.Error):
                process = psutil.Process(pid)
                if os.path.samestat(os.stat(f"/proc/{pid}/ns/pid"), namespace):
                    found.append(process)
    return found


def _own_processes(mark: bytes) -> Iterator[psutil.Process]:
    """Yield the processes of this user with a mark; one of somebody else is not ours.

    Not psutil.process_iter: it remembers processes, and would show a new one under the identity
    of an ended one that had the same pid.
    """
    user = os.getuid()
    for pid in psutil.pids():
        if _has(pid, mark):
            with suppress(psutil.Error):
                process = psutil.Process(pid)
                if process.uids().real == user:
                    yield process


def _has(pid: int, mark: bytes) -> bool:
    """Look at the one file that tells the other processes of a host from ours: all are asked."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return mark in file.readall()
    except OSError:  # it ended, or belongs to another account
        return False


def _marks(process: psutil.Process) -> dict[str, str]:
    with suppress(psutil.Error):
        environment: dict[str, str] = process.environ()
        return environment
    return {}


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
