"""Two workers of one lab have nothing to do with each other."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable

import pytest

from graders.formative import landlock
from graders.workers.linux import give_up_privileges

_PTRACE_ATTACH = 16
_libc = ctypes.CDLL(None, use_errno=True)

pytestmark = pytest.mark.skipif(
    landlock.version() < 6, reason="this kernel's Landlock knows no scopes (Linux 6.12)"
)


def signals(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except PermissionError:
        return False
    return True


def traces(pid: int) -> bool:
    if _libc.ptrace(_PTRACE_ATTACH, pid, None, None) == 0:
        os.waitpid(pid, 0)
        return True
    return False


def in_a_child(act: Callable[[], bool]) -> bool:
    """Say what an act says in a child of this process, which is gone afterwards."""
    pid = os.fork()
    if pid == 0:
        code = 2
        try:
            code = 0 if act() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def sleeping(alone: bool) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            if alone:
                landlock.stand_alone()
            signal.pause()
        finally:
            os._exit(0)
    return pid


@pytest.mark.parametrize("reach", [signals, traces])
@pytest.mark.parametrize("alone", [False, True])
def test_a_worker_that_stands_alone_reaches_no_other(
    reach: Callable[[int], bool], alone: bool
) -> None:
    """What it may do without standing alone shows that the test can tell."""

    def both() -> bool:
        give_up_privileges()
        other = sleeping(alone)
        try:
            return in_a_child(lambda: (not alone or landlock.stand_alone()) and reach(other))
        finally:
            os.kill(other, signal.SIGKILL)
            os.waitpid(other, 0)

    assert in_a_child(both) is (not alone)
