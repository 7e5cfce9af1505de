"""Landlock: lets a process take the file system away from itself (Linux, landlock(7))."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The system calls; the same numbers on every processor."""
_VERSION_FLAG = 1
_PATH_BENEATH = 1
_READ_FILE, _READ_DIR, _EXECUTE = 1 << 2, 1 << 3, 1 << 0
_FILE_ONLY = (1 << 0) | (1 << 1) | (1 << 2) | (1 << 14) | (1 << 15)
"""The rights that a file, unlike a folder, can have."""
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
"""How many rights to files each version of the interface knows."""
_BIND_AND_CONNECT = 0b11
_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11
_SCOPES_SINCE = 6

_libc = ctypes.CDLL(None, use_errno=True)


class _Rules(ctypes.Structure):
    _fields_ = (
        ("files", ctypes.c_uint64),
        ("network", ctypes.c_uint64),
        ("scopes", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def version() -> int:
    """Return the version of the interface that this kernel offers; 0 where there is none."""
    if sys.platform != "linux":
        return 0
    return max(0, int(_libc.syscall(_CREATE, None, ctypes.c_size_t(0), _VERSION_FLAG)))


def prepare(reading: Iterable[Path], writing: Iterable[Path]) -> int:
    """Return a descriptor of rules that take everything but these places away.

    Network and signals to other processes are taken away too where the kernel can.

    Raises:
        OSError: the kernel refused, or a place cannot be opened.
    """
    known = version()
    everything = (1 << max(n for v, n in _RIGHTS.items() if v <= known)) - 1
    rules = _Rules(
        files=everything,
        network=_BIND_AND_CONNECT if known >= 4 else 0,
        scopes=_ABSTRACT_SOCKETS_AND_SIGNALS if known >= _SCOPES_SINCE else 0,
    )
    ruleset = _called(_CREATE, ctypes.byref(rules), ctypes.c_size_t(_size_for(known)), 0)
    for path in reading:
        _allow(ruleset, path, _READ_FILE | _READ_DIR | _EXECUTE)
    for path in writing:
        _allow(ruleset, path, everything)
    return ruleset


def restrict(ruleset: int) -> None:
    """Hold this process and its children to rules, for ever, and close them.

    The process must have set PR_SET_NO_NEW_PRIVS.

    Raises:
        OSError: the kernel refused.
    """
    try:
        _called(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def stand_alone() -> bool:
    """Take signals to, and tracing of, every process away but those that this one starts.

    Also of those that are held to the same rules. The process must have set PR_SET_NO_NEW_PRIVS.

    Returns:
        Whether this kernel can do it.
    """
    if version() < _SCOPES_SINCE:
        return False
    rules = _Rules(scopes=_ABSTRACT_SOCKETS_AND_SIGNALS)
    restrict(_called(_CREATE, ctypes.byref(rules), ctypes.c_size_t(_size_for(_SCOPES_SINCE)), 0))
    return True


def _size_for(known: int) -> int:
    """Return how much of the structure this kernel has heard of."""
    return 8 if known < 4 else 16 if known < _SCOPES_SINCE else 24


def _allow(ruleset: int, path: Path, rights: int) -> None:
    place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if path.is_dir() else rights & _FILE_ONLY
        rule = _PathBeneath(allowed, place)
        _called(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)


def _called(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(number, *arguments))
    if result < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return result
