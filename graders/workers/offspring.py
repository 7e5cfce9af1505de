"""Offspring: the processes that a zygote forked, and whatever they leave behind.

The zygote adopts orphans (PR_SET_CHILD_SUBREAPER, Linux). So whatever a check starts becomes a
child of the zygote when its worker ends, however it hid, and is killed then.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

from graders.workers.linux import adopt_orphans, die_with

_CHILDREN = Path("/proc/thread-self/children")


class Child(NamedTuple):
    """A process that was forked."""

    pid: int
    handle: int
    """A pidfd: readable once the process has ended, and never another process's."""


class Offspring:
    """The children of this process. It must have one thread only."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        adopt_orphans()

    def fork(self, live: Callable[[], object]) -> Child:
        """Fork a process that does `live()` and ends; it dies with this one.

        It leads a session and a process group of its own.
        """
        parent = os.getpid()
        gc.freeze()  # what is here stays shared: no collection of the child touches it
        pid = os.fork()
        if pid == 0:
            _live(live, parent)
        self._pids.add(pid)
        return Child(pid, os.pidfd_open(pid))

    def end(self, pid: int) -> str:
        """Kill a child with all that it started; return how it had ended until then."""
        if pid not in self._pids:
            return "unknown"
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
        with suppress(ProcessLookupError):  # it may have had no time to make its group
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        self._pids.discard(pid)
        self._kill_orphans()
        return _in_words(status)

    def end_all(self) -> None:
        """Kill every child and whatever they started."""
        for pid in list(self._pids):
            self.end(pid)

    def _kill_orphans(self) -> None:
        """Kill adopted processes; each one's children are adopted when it has ended."""
        while orphans := [pid for pid in _children() if pid not in self._pids]:
            for pid in orphans:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                with suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _live(live: Callable[[], object], parent: int) -> None:
    code = 1
    try:
        die_with(parent)
        os.setsid()
        live()
        code = 0
    except BaseException:
        with suppress(OSError, ValueError):
            traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(code)


def _children() -> Iterator[int]:
    try:
        yield from (int(pid) for pid in _CHILDREN.read_bytes().split())
    except OSError:  # a kernel without CONFIG_PROC_CHILDREN
        yield from (child.pid for child in psutil.Process().children())


def _in_words(status: int) -> str:
    if os.WIFSIGNALED(status):
        return signal.Signals(os.WTERMSIG(status)).name
    return f"exit code {os.WEXITSTATUS(status)}"
