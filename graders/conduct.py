"""Conduct: what a check must not do. A check looks at the cluster and says yes or no.

It is held by Python's audit hooks (PEP 578), which catches mistakes, also those that a broad
`except` hides. It is no sandbox: whoever writes checks is trusted with the verdict anyway. What
gets past it is left to the runner, which kills the worker's whole process group.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from graders.errors import GradingError

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_PROCESS = "started or ended a process"
_FILES = "changed files"
_FORBIDDEN = {
    "os.fork": _PROCESS,
    "os.forkpty": _PROCESS,
    "os.posix_spawn": _PROCESS,
    "os.exec": _PROCESS,
    "os.system": _PROCESS,
    "os.kill": _PROCESS,
    "os.killpg": _PROCESS,
    "subprocess.Popen": _PROCESS,
    "pty.spawn": _PROCESS,
    "os.mkdir": _FILES,
    "os.rmdir": _FILES,
    "os.remove": _FILES,
    "os.rename": _FILES,
    "os.link": _FILES,
    "os.symlink": _FILES,
    "os.truncate": _FILES,
    "os.chmod": _FILES,
    "os.chown": _FILES,
}


class Misconduct(GradingError):
    """A check did what a check must not do."""


class TimeIsUp(BaseException):
    """Interrupts a check; no Exception, so that checks do not catch it by accident."""


class Conduct:
    """Watches one check at a time. Installed once; hooks cannot be removed.

    Threads that exist before are not watched: one of them ends the worker with its runner.
    """

    def __init__(self) -> None:
        self._watching = False
        self._broken = ""
        others = {thread.ident for thread in threading.enumerate()}
        self._exempt = others - {threading.get_ident()}
        self._pipes = _pipes()
        sys.addaudithook(self._hear)

    @contextmanager
    def watch(self, seconds: int) -> Iterator[None]:
        """Watch what happens inside, and interrupt it when the time is over.

        Use `problem` afterwards: what happens inside may have hidden the exception.
        """
        self._broken = ""
        threads = threading.active_count()
        signal.signal(signal.SIGALRM, lambda number, frame: self._interrupt(seconds))
        signal.setitimer(signal.ITIMER_REAL, seconds)
        self._watching = True
        try:
            yield
        except TimeIsUp:
            pass  # `problem` says it
        finally:
            self._watching = False
            signal.setitimer(signal.ITIMER_REAL, 0)
            if threading.active_count() > threads or _has_children():
                self._broken = self._broken or "The check left a thread or a process running"
            if _pipes() != self._pipes:
                self._broken = self._broken or "The check closed or replaced the grader's output"

    @property
    def problem(self) -> str:
        """What was wrong with the conduct, one sentence; empty when nothing was.

        Nothing may be believed after it: the worker must end.
        """
        return self._broken

    def _interrupt(self, seconds: int) -> None:
        if not self._watching:
            return  # it ended at the very moment
        self._broken = f"The check did not end within {seconds} s"
        raise TimeIsUp

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self._watching or threading.get_ident() in self._exempt:
            return
        what = _FORBIDDEN.get(event, "")
        if event == "open" and _writes(arguments):
            what = _FILES
        if what:
            self._broken = f"The check {what} ({event}); a check only looks at the cluster"
            raise Misconduct(self._broken)


def _pipes() -> tuple[int, ...]:
    """Return the identities of standard input, output and error; -1 where one is closed."""
    return tuple(_inode(stream) for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__))


def _inode(stream: TextIO | None) -> int:
    try:
        return -1 if stream is None else os.fstat(stream.fileno()).st_ino
    except (OSError, ValueError):
        return -1


def _has_children() -> bool:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return False
    return True


def _writes(arguments: tuple[Any, ...]) -> bool:
    path, _, flags = arguments
    return isinstance(flags, int) and bool(flags & _WRITING) and path != os.devnull
