"""Confinement: what keeps a process that runs a learner's code from everything else.

    files     Landlock: the interpreter may be read, one folder may be written, nothing else opened
    network   seccomp: no socket of any family; as root also an empty network namespace
    others    seccomp: no new process or thread, no signal, no ptrace
    account   as root, where other accounts can read the interpreter: a uid of its own; else no
              capability is left
    resources rlimits for time, memory and files; it dies with the process that started it

Landlock and seccomp need no privileges, so this is the same for root and anybody. A host without
them (Linux before 5.13, other systems, other processors) does not grade learners' code at all.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from graders.errors import GradingError
from graders.formative import landlock, seccomp

FIRST_UID = 800_000
UIDS = 60_000
"""Confined processes of root get a uid from here on: beyond those of learners."""
_SECONDS = 60
"""Of processor time; the grader's own clock is tighter."""
_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_CPU: _SECONDS,
    resource.RLIMIT_NOFILE: 64,
    resource.RLIMIT_FSIZE: 8 << 20,
    resource.RLIMIT_AS: 2 << 30,
}
_CLONE_NEWNET = 0x40000000
_CLONE_NEWIPC = 0x08000000
_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522

_libc = ctypes.CDLL(None, use_errno=True)


class ConfinementMissing(GradingError):
    """This host cannot keep a learner's code apart."""


def require_confinement() -> None:
    """Refuse a host that cannot confine.

    Raises:
        ConfinementMissing: naming what it lacks.
    """
    lacking = []
    if landlock.version() < 1:
        lacking.append("Landlock (Linux 5.13)")
    if platform.machine() not in seccomp.MACHINES:
        lacking.append(f"a list of system calls for {platform.machine()}")
    if lacking:
        raise ConfinementMissing(
            f"This host cannot keep learners' code apart: it lacks {' and '.join(lacking)}"
        )


def confine(folder: Path, uid: int | None, parent: int) -> None:
    """Confine this process, for ever.

    What it needs must be open; modules of Python and of installed packages can still be loaded.

    Args:
        folder: the only place it may write.
        uid: account to become; None to stay.
        parent: process that this one dies with.

    Raises:
        ConfinementMissing: a part of it failed; the process must end.
    """
    try:
        rules = landlock.prepare(reading=[*_interpreter(), *_system()], writing=[folder])
        _leave_the_network()
        _limit_resources()
        _become(uid)
        die_with(parent)  # again: a change of account made the kernel forget it
        _prctl(_PR_SET_NO_NEW_PRIVS, 1)
        _prctl(_PR_SET_DUMPABLE, 0)
        landlock.restrict(rules)
        seccomp.forbid()
    except OSError as error:
        raise ConfinementMissing(f"This host did not confine the grader: {error}") from error


def die_with(parent: int) -> None:
    """End this process with its parent, also when that has ended already.

    Raises:
        OSError: this system cannot.
    """
    if sys.platform == "linux":
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def own_uid() -> int | None:
    """Return the uid that a confined process started by this one is to have; None for the same.

    Only root can give another one, and only where that account can read the interpreter: modules
    are still loaded afterwards.
    """
    if os.geteuid() != 0 or not all(_is_public(place) for place in _interpreter()):
        return None
    return FIRST_UID + int.from_bytes(os.urandom(4)) % UIDS


def _leave_the_network() -> None:
    """Enter an empty network namespace where that is allowed; seccomp does without."""
    if os.geteuid() == 0:
        _libc.unshare(_CLONE_NEWNET | _CLONE_NEWIPC)


def _limit_resources() -> None:
    for kind, limit in _LIMITS.items():
        _, hard = resource.getrlimit(kind)
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lower, lower))


def _become(uid: int | None) -> None:
    if uid is not None:
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    elif os.geteuid() == 0:
        _drop_capabilities()


def _drop_capabilities() -> None:
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _interpreter() -> Sequence[Path]:
    """Return the folders of Python itself and of installed packages: neither labs nor solutions."""
    names = ("site-packages", "dist-packages", "lib-dynload")
    standard = Path(os.__file__).parent
    found = [standard, *(Path(p) for p in sys.path if Path(p).name in names)]
    return [path.resolve() for path in found if path.is_dir()]


def _system() -> Iterable[Path]:
    places = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache")
    devices = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
    return [Path(p) for p in (*places, *devices, "/etc/localtime") if os.path.exists(p)]


def _is_public(path: Path) -> bool:
    """Whether other accounts can come to a folder and read it."""
    on_the_way = all(folder.stat().st_mode & 0o001 for folder in path.parents)
    return on_the_way and path.stat().st_mode & 0o005 == 0o005
