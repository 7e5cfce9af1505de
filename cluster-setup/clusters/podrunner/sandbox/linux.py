"""Linux: the calls that Python 3.11 has no function for (mount(2), setns(2), prctl(2), ...)."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterable

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_NOSUID, MS_NODEV, MS_BIND, MS_MOVE, MS_REC, MS_PRIVATE = 2, 4, 4096, 8192, 16384, 1 << 18
_MS_RDONLY, _MS_REMOUNT = 1, 32
_MNT_DETACH = 2
_READ_ONLY, _NO_SUID, _NO_DEV = 1, 2, 4
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100

CAP_KILL = 5
_LAST_CAPABILITY = 63
_CAPABILITY_VERSION_3 = 0x20080522
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 24, 38

_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_MOUNT_SETATTR = 442  # one number on every machine

_libc = ctypes.CDLL(None, use_errno=True)


def unshare(flags: int) -> None:
    """Leave namespaces for new ones; the one of process ids is for children only."""
    _require(_libc.unshare(flags), "unshare")


def enter(descriptor: int, kind: int = 0) -> None:
    """Enter the namespace that an open descriptor stands for."""
    _require(_libc.setns(descriptor, kind), "setns")


def mount(
    source: str | None, target: str, kind: str | None, flags: int, options: str | None = None
) -> None:
    """Mount something at a path."""
    words = [None if word is None else word.encode() for word in (source, target, kind, options)]
    done = _libc.mount(words[0], words[1], words[2], ctypes.c_ulong(flags), words[3])
    _require(done, f"mounting {source or kind} at {target}")


def bind(source: str, target: str, *, read_only: bool, devices: bool = False) -> None:
    """Show a file or folder at another path as well, and nothing of it with more rights."""
    mount(source, target, None, MS_BIND | MS_REC)
    restrict(target, read_only=read_only, devices=devices)


def restrict(target: str, *, read_only: bool, devices: bool = False) -> None:
    """Take rights from a mount and all below it (mount_setattr(2), Linux 5.12)."""
    flags = _NO_SUID | (_READ_ONLY if read_only else 0) | (0 if devices else _NO_DEV)
    attributes = (ctypes.c_uint64 * 4)(flags, 0, 0, 0)
    done = _libc.syscall(
        _MOUNT_SETATTR,
        _AT_FDCWD,
        target.encode(),
        ctypes.c_uint(_AT_RECURSIVE),
        ctypes.byref(attributes),
        ctypes.c_size_t(ctypes.sizeof(attributes)),
    )
    _require(done, f"restricting {target}")


def close_root() -> None:
    """Let nothing be written in the mount at the root; those below it stay as they are."""
    flags = _MS_REMOUNT | MS_BIND | _MS_RDONLY | MS_NOSUID | MS_NODEV
    mount(None, "/", None, flags)


def keep_mounts_private() -> None:
    """Let nothing that is mounted in this namespace be seen in another one."""
    mount(None, "/", None, MS_REC | MS_PRIVATE)


def pivot(root: str) -> None:
    """Make a folder the root, and forget the one before."""
    os.chdir(root)
    number = _PIVOT_ROOT[platform.machine()]
    _require(_libc.syscall(number, b".", b"."), "pivot_root")
    _require(_libc.umount2(b".", _MNT_DETACH), "umount")
    os.chdir("/")


def bound_capabilities() -> None:
    """Let no program that is executed have a capability; the kernel knows fewer than are tried."""
    for capability in range(_LAST_CAPABILITY + 1):
        _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0)


def keep_capabilities(kept: Iterable[int]) -> None:
    """Give up every capability but these."""
    mask = sum(1 << capability for capability in kept)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)(mask, mask, 0, 0, 0, 0)
    _require(_libc.capset(header, sets), "capset")


def gain_no_rights() -> None:
    """Never gain rights by executing a program."""
    _require(_libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "prctl")


def die_with_parent() -> None:
    """Be killed when the parent ends."""
    _require(_libc.prctl(_PR_SET_PDEATHSIG, 9, 0, 0, 0), "prctl")


def hide() -> None:
    """Let no equal look into this process, its open files included."""
    _require(_libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0), "prctl")


def _require(done: int, what: str) -> None:
    if done != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
