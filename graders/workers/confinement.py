"""Confinement: what a process that loads a lab may use. Checks are trusted with verdicts only.

    account   as root: a uid that nobody else has, and a passage for it to Python and the lab where
              they lie in a private home; no capabilities in any case
    network   a namespace with nothing in it; the runner hands over connections to the lab's cluster
    files     Landlock: Python itself and the lab's folder, for reading
    resources rlimits: memory, descriptors, sizes of files, no core dump
    others    Landlock: workers of one lab cannot signal or trace each other (`worker.do_order`)

Each holds where the host allows it; what does not is left out, and `Confined` says so.
"""

from __future__ import annotations

import os
import resource
import site
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from graders.formative import landlock
from graders.workers.linux import (
    die_with,
    drop_capabilities,
    give_up_privileges,
    leave_network,
)
from graders.workers.passage import open_passage

FIRST_UID = 900_000
"""Workers of root get a uid from here on: beyond those of learners."""
UIDS = 60_000
_LIMITS = {
    resource.RLIMIT_CORE: 0,
    resource.RLIMIT_NOFILE: 256,
    resource.RLIMIT_FSIZE: 1 << 20,
    resource.RLIMIT_AS: 2 << 30,
}
_OWN_PROCESSES = 64
"""Of a uid that nobody else has; others share the limit of their account."""
_SYSTEM = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/localtime")
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/etc/ld.so.cache")


class Confined(NamedTuple):
    """What holds for a process."""

    account: bool
    """It has a uid of its own."""
    network: bool
    """It has no network."""
    files: bool
    """It can open nothing but what it needs."""


def confine(readable: Path | None, number: int | None, empty: Path) -> Confined:
    """Confine this process, for ever; it must have one thread only.

    Args:
        readable: a folder that it may read, besides Python itself.
        number: of this worker; as root it takes the account of this number; None: it keeps its own.
        empty: folder to be in.
    """
    parent = os.getppid()
    network = leave_network()
    places = [empty, *([readable] if readable else [])]
    uid = _own_uid(number, [*_python(), *places])
    rules = _rules_of_files(places)
    limit_resources()
    os.chdir(empty)
    if uid is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (_OWN_PROCESSES, _OWN_PROCESSES))
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    drop_capabilities()
    give_up_privileges()
    die_with(parent)  # again: a change of account made the kernel forget it
    if rules is not None:
        landlock.restrict(rules)
    return Confined(account=uid is not None, network=network, files=rules is not None)


def limit_resources() -> None:
    """Limit what this process may use: files, their size, memory; no core dump."""
    for kind, limit in _LIMITS.items():
        _, hard = resource.getrlimit(kind)
        lower = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lower, lower))


def _rules_of_files(readable: Sequence[Path]) -> int | None:
    """Return rules for Landlock; None where this kernel has none."""
    system = [Path(place) for place in (*_SYSTEM, *_DEVICES) if os.path.exists(place)]
    itself = Path("/proc/self")  # a zygote looks for its children there
    with suppress(OSError):
        return landlock.prepare(
            reading=[*_python(), *system, *readable, itself], writing=[Path(os.devnull)]
        )
    return None


def _python() -> list[Path]:
    """Return the folders of Python and of what is installed, also editable."""
    named = [Path(os.__file__).parent, *map(Path, site.getsitepackages()), *map(Path, sys.path)]
    return sorted({path.resolve() for path in named if path.is_dir() and path != Path("/")})


def _own_uid(number: int | None, needed: Sequence[Path]) -> int | None:
    """Return the uid for the worker of this number; None where it must stay what it is.

    Only root can give another one, and only to a process that can then still read what it loads.
    """
    if number is None or os.geteuid() != 0:
        return None
    uid = FIRST_UID + number % UIDS
    return uid if _is_mapped(uid) and open_passage(needed) else None


def _is_mapped(uid: int) -> bool:
    """Whether this user namespace has the uid: a container may have few."""
    with suppress(OSError, ValueError):
        for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines():
            first, _, count = (int(word) for word in line.split())
            if first <= uid < first + count:
                return True
    return False
