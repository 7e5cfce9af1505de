"""Processes, found by a mark in their environment instead of a list that a crash could lose."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

import psutil

_KILL_PATIENCE = 5.0
_ROUNDS = 10


def marked(variable: str, value: str) -> list[psutil.Process]:
    """Return the processes with this environment variable, but not this one and its ancestors.

    Args:
        variable: its name.
        value: its value, or the beginning of it followed by `/`.
    """
    spared = {os.getpid(), *(process.pid for process in psutil.Process().parents())}
    return [
        process
        for process in psutil.process_iter()
        if process.pid not in spared and _carries(process, variable, value)
    ]


def end_marked(variable: str, value: str, patience: float = 10.0) -> bool:
    """End every process with this mark, also those that they start meanwhile.

    Returns:
        Whether there were any.
    """
    found = False
    for _ in range(_ROUNDS):
        processes = marked(variable, value)
        if not processes:
            break
        found = True
        end(processes, patience)
    return found


def end(processes: Iterable[psutil.Process], patience: float = 10.0) -> list[psutil.Process]:
    """Ask processes to end, kill those that have not after `patience` seconds, and wait.

    Returns:
        Those that are still there, which only a stuck kernel call can explain.
    """
    alive = list(processes)
    _signal(alive, psutil.Process.terminate)
    alive = _wait(alive, patience)
    _signal(alive, psutil.Process.kill)
    return _wait(alive, _KILL_PATIENCE)


def is_alive(process: psutil.Process) -> bool:
    """Return whether a process runs; a zombie waits only for a parent that may never look."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def same_process(pid: int, created: float) -> bool:
    """Return whether `pid` is still the process it was: pids are used again, times are not."""
    try:
        process = psutil.Process(pid)
        return is_alive(process) and abs(process.create_time() - created) < 1
    except psutil.Error:
        return False


def created(pid: int) -> float:
    """Return when a process began; 0 when it is gone."""
    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return 0.0


def mark_of(process: psutil.Process, variable: str) -> str:
    """Return the value of the mark; empty without one, or when the process has gone."""
    try:
        return str(process.environ().get(variable, ""))
    except (psutil.Error, OSError):
        return ""


def _carries(process: psutil.Process, variable: str, value: str) -> bool:
    found = mark_of(process, variable)
    return found == value or found.startswith(f"{value}/")


def _signal(processes: Iterable[psutil.Process], send: Callable[[psutil.Process], None]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            send(process)


def _wait(processes: Sequence[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Wait for the end of processes, whoever their parents are; return those that go on."""
    deadline = time.monotonic() + seconds
    while alive := [process for process in processes if is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.05)
    return alive
