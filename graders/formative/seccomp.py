"""Seccomp: forbids system calls to this process (Linux, seccomp(2), classic BPF)."""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterable
from dataclasses import dataclass

_PR_SET_SECCOMP, _FILTER = 22, 2
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _RETURN = 0x20, 0x15, 0x35, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
"""Offsets in `struct seccomp_data`."""
_X32 = 0x40000000
"""System calls of the x32 ABI, which a filter for x86-64 sees with this bit."""

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Machine:
    """The numbers of one processor."""

    architecture: int
    """AUDIT_ARCH_*."""
    forbidden: dict[str, int]


MACHINES = {
    "x86_64": Machine(
        0xC000003E,
        {
            "socket": 41, "clone": 56, "fork": 57, "vfork": 58, "execve": 59, "kill": 62,
            "ptrace": 101, "rt_sigqueueinfo": 129, "mount": 165, "tkill": 200, "tgkill": 234,
            "add_key": 248, "request_key": 249, "keyctl": 250, "unshare": 272,
            "rt_tgsigqueueinfo": 297, "perf_event_open": 298, "open_by_handle_at": 304,
            "setns": 308, "process_vm_readv": 310, "process_vm_writev": 311, "bpf": 321,
            "execveat": 322, "userfaultfd": 323,
        },
    ),
    "aarch64": Machine(
        0xC00000B7,
        {
            "mount": 40, "unshare": 97, "ptrace": 117, "kill": 129, "tkill": 130, "tgkill": 131,
            "rt_sigqueueinfo": 138, "socket": 198, "add_key": 217, "request_key": 218,
            "keyctl": 219, "clone": 220, "execve": 221, "rt_tgsigqueueinfo": 240,
            "perf_event_open": 241, "open_by_handle_at": 265, "setns": 268,
            "process_vm_readv": 270, "process_vm_writev": 271, "bpf": 280, "execveat": 281,
            "userfaultfd": 282,
        },
    ),
}  # fmt: skip
"""What is forbidden where; newer system calls have one number everywhere."""
_EVERYWHERE = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "pidfd_open": 434,
    "clone3": 435,
    "pidfd_getfd": 438,
}


def forbid() -> None:
    """Forbid sockets, processes, threads, signals and looking into others, for ever.

    The process must have set PR_SET_NO_NEW_PRIVS.

    Raises:
        OSError: the kernel refused.
        KeyError: nothing is known of this processor.
    """
    machine = MACHINES[platform.machine()]
    program = _program(machine.architecture, [*machine.forbidden.values(), *_EVERYWHERE.values()])
    code = ctypes.create_string_buffer(b"".join(program))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.c_char_p(filter_), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _program(architecture: int, forbidden: Iterable[int]) -> list[bytes]:
    """Return the filter: kill a foreign architecture, fail what is forbidden, allow the rest."""
    checks = [(_EQUAL, number) for number in forbidden] + [(_AT_LEAST, _X32)]
    program = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, architecture, if_true=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
    ]
    for left, (comparison, number) in zip(range(len(checks), 0, -1), checks, strict=True):
        program.append(_step(comparison, number, if_true=left))
    return [*program, _step(_RETURN, _ALLOW), _step(_RETURN, _FAIL | errno.EPERM)]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
