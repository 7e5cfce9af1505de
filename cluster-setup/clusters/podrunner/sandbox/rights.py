"""The rights of a container's process: none, an account of its own, and limits."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Mapping

from clusters.podrunner.sandbox import calls, linux

_NICE = 5
_FIRST_TO_GO = b"500"
"""Addition to the score by which the kernel chooses whom to end when memory is out."""


def give_up_rights(uid: int | None, limits: Mapping[str, int]) -> None:
    """Become a process that may do nothing but compute and use what it sees.

    Args:
        uid: account to become, where this process is root of the host; None keeps its own.
        limits: resource limits by name, for example `RLIMIT_NPROC`.
    """
    with open("/proc/self/oom_score_adj", "wb", buffering=0) as file:
        file.write(_FIRST_TO_GO)
    os.setpriority(os.PRIO_PROCESS, 0, _NICE)
    os.umask(0o022)
    for name, value in limits.items():
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    linux.hide()
    linux.bound_capabilities()
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    linux.keep_capabilities(())
    linux.gain_no_rights()
    calls.forbid()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and so would children
        signal.signal(number, signal.SIG_DFL)
