"""Processes, found by a mark in their environment instead of a list that a crash could lose."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

import psutil


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


def end(processes: Iterable[psutil.Process], patience: float = 10.0) -> list[psutil.Process]:
    """Ask processes to end, kill those that have not after `patience` seconds, and wait.

    Returns:
        Those that are still there, which only a stuck kernel call can explain.
    """
    alive = _signal(list(processes), psutil.Process.terminate)
    _, alive = psutil.wait_procs(alive, timeout=patience)
    alive = _signal(alive, psutil.Process.kill)
    _, alive = psutil.wait_procs(alive, timeout=5)
    return list(alive)


def same_process(pid: int, created: float | None) -> bool:
    """Return whether `pid` is still the process it was: pids are used again, times are not."""
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and (
            created is None or abs(process.create_time() - created) < 1
        )
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


def _signal(processes: Sequence[psutil.Process], send: object) -> list[psutil.Process]:
    alive = []
    for process in processes:
        try:
            send(process)  # type: ignore[operator]
            alive.append(process)
        except psutil.NoSuchProcess:
            continue
    return alive
