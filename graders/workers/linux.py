"""Linux: the few calls that Python 3.11 has no function for (prctl, unshare, mount)."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_DUMPABLE = 4
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
_CLONE_NEWNS = 0x00020000
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_MS_RDONLY = 1
_MS_NOSUID = 2
_MS_NODEV = 4
_MS_REMOUNT = 32
_MS_BIND = 4096
_MS_REC = 16384
_MS_PRIVATE = 1 << 18
_MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int) -> None:
    """Die (SIGKILL) as soon as the parent dies; also when it has died by now.

    A change of account undoes it.
    """
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent ends."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def give_up_privileges() -> None:
    """Never gain rights by starting a program, and let no equal look into this process."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)
    _prctl(_PR_SET_DUMPABLE, 0)


def drop_capabilities() -> None:
    """Keep no capability: root without any is an account like others."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        raise OSError(ctypes.get_errno(), "capset")


def leave_network() -> bool:
    """Enter a network namespace that holds nothing; return whether this host allows it.

    Whoever is not root needs a user namespace for it, which not every host allows.
    """
    if os.geteuid() == 0:
        return bool(_libc.unshare(_CLONE_NEWNET) == 0)
    uid, gid = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        return False
    for name, line in (
        ("setgroups", "deny"),
        ("uid_map", f"{uid} {uid} 1"),
        ("gid_map", f"{gid} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
            file.write(line)
    return True


def leave_mounts() -> None:
    """Enter a mount namespace: what is mounted from now on, nobody else sees."""
    if _libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    _mount(None, Path("/"), None, _MS_REC | _MS_PRIVATE)


def cover(folder: Path) -> None:
    """Mount an empty folder, which everybody may enter, over this one."""
    _mount("cover", folder, "tmpfs", _MS_NOSUID | _MS_NODEV, "mode=0755,size=1m")


def seal(folder: Path) -> None:
    """Make the folder that was mounted over this one read-only."""
    _mount("cover", folder, "tmpfs", _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)


def uncover(folder: Path) -> None:
    """Take away what was mounted over a folder."""
    _libc.umount2(os.fsencode(folder), _MNT_DETACH)


def show_again(descriptor: int, folder: Path) -> None:
    """Show a folder that was opened before it was covered, for reading only."""
    _mount(f"/proc/self/fd/{descriptor}", folder, None, _MS_BIND)
    _mount(None, folder, None, _MS_BIND | _MS_REMOUNT | _MS_RDONLY | _MS_NOSUID | _MS_NODEV)


def _mount(
    source: str | None, target: Path, kind: str | None, flags: int, options: str | None = None
) -> None:
    words = [None if word is None else word.encode() for word in (source, kind, options)]
    if _libc.mount(words[0], os.fsencode(target), words[1], flags, words[2]) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(target))


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
