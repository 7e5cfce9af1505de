"""Forbidden system calls of a container (seccomp(2), classic BPF).

A container's process has no rights, so most of what a container engine forbids fails anyway. Here
is what would not: other namespaces with rights of their own, families of sockets that no network
namespace holds back (AF_VSOCK reaches the host of a virtual machine), keys of the account, and
parts of the kernel that are known for holes.
"""

from __future__ import annotations

import ctypes
import errno
import platform
import struct
from collections.abc import Iterable
from typing import NamedTuple

_PR_SET_SECCOMP, _FILTER = 22, 2
_ALLOW, _FAIL, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Offsets in `struct seccomp_data`; the lower half of an argument comes first."""
_X32 = 0x40000000
_NAMESPACES = 0x7E020080
"""CLONE_NEW* flags of clone(2)."""
_FAMILIES = (1, 2, 10, 16)
"""AF_UNIX, AF_INET, AF_INET6, AF_NETLINK."""

_libc = ctypes.CDLL(None, use_errno=True)


class _Machine(NamedTuple):
    architecture: int
    clone: int
    socket: int
    forbidden: tuple[int, ...]


_MACHINES = {
    # ptrace pivot_root mount umount2 swapon swapoff reboot init_module delete_module add_key
    # request_key keyctl unshare perf_event_open open_by_handle_at setns process_vm_readv
    # process_vm_writev finit_module kexec_file_load bpf userfaultfd
    "x86_64": _Machine(
        0xC000003E, 56, 41,
        (101, 155, 165, 166, 167, 168, 169, 175, 176, 248, 249, 250, 272, 298, 304, 308, 310, 311,
         313, 320, 321, 323),
    ),
    "aarch64": _Machine(
        0xC00000B7, 220, 198,
        (117, 41, 40, 39, 224, 225, 142, 105, 106, 217, 218, 219, 97, 241, 265, 268, 270, 271,
         273, 294, 280, 282),
    ),
}  # fmt: skip
_EVERYWHERE = (425, 426, 427, 428, 429, 430, 431, 432, 433, 442)
"""io_uring_*, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr."""
_CLONE3 = 435
"""Its flags lie in memory, where no filter looks: callers fall back on clone(2)."""


def forbid() -> None:
    """Forbid them to this process and all that come from it; it must have no_new_privs.

    Raises:
        OSError: the kernel refused.
        KeyError: nothing is known of this processor.
    """
    program = _program(_MACHINES[platform.machine()])
    code = ctypes.create_string_buffer(b"".join(program))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(code))
    if _libc.prctl(_PR_SET_SECCOMP, _FILTER, ctypes.c_char_p(filter_), 0, 0):
        raise OSError(ctypes.get_errno(), "seccomp")


def _program(machine: _Machine) -> list[bytes]:
    refuse = _step(_RETURN, _FAIL | errno.EPERM)
    return [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, machine.architecture, if_true=1),
        _step(_RETURN, _KILL),
        _step(_LOAD, _NUMBER),
        *_unless(_AT_LEAST, [_X32], refuse),
        *_unless(_EQUAL, [*machine.forbidden, *_EVERYWHERE], refuse),
        *_unless(_EQUAL, [_CLONE3], _step(_RETURN, _FAIL | errno.ENOSYS)),
        *_of(machine.clone, _unless(_ANY_BIT, [_NAMESPACES], refuse)),
        *_of(machine.socket, [*_only(_FAMILIES, _step(_RETURN, _FAIL | errno.EAFNOSUPPORT))]),
        _step(_RETURN, _ALLOW),
    ]


def _unless(comparison: int, values: Iterable[int], answer: bytes) -> list[bytes]:
    """Answer where what was loaded compares with any of the values; go on elsewhere."""
    steps = []
    for value in values:
        steps += [_step(comparison, value, if_false=1), answer]
    return steps


def _only(values: tuple[int, ...], answer: bytes) -> list[bytes]:
    """Answer where what was loaded is none of the values; go on elsewhere."""
    count = len(values)
    steps = [_step(_EQUAL, value, if_true=count - at) for at, value in enumerate(values)]
    return [*steps, answer]


def _of(call: int, steps: list[bytes]) -> list[bytes]:
    """Look at the first argument of one call, and load the number again."""
    looking = [_step(_LOAD, _FIRST_ARGUMENT), *steps, _step(_LOAD, _NUMBER)]
    return [_step(_EQUAL, call, if_false=len(looking)), *looking]


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("HBBI", code, if_true, if_false, value)
