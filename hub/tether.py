"""Run a command that ends when its parent does: `python -m hub.tether PARENT COMMAND...`.

A process that is killed cannot stop its children. Linux does it instead (PR_SET_PDEATHSIG,
prctl(2)): the kernel sends SIGTERM when the parent has gone, and keeps the wish over execve.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to `PARENT` and become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it went before the wish was made
        raise SystemExit(1)
    os.execvp(command[0], command)


def tethered(command: list[str]) -> list[str]:
    """Return `command`, tied to the process that calls this."""
    return [sys.executable, "-m", "hub.tether", str(os.getpid()), *command]


if __name__ == "__main__":
    main(sys.argv[1:])
