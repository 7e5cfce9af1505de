"""The root that a container's processes see: the host's programs, its own files, its volumes."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from typing import Any

from clusters.podrunner.sandbox import linux

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32")
_SYSTEM_FILES = (
    "/etc/ssl/certs",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/protocols",
    "/etc/services",
)
_DEVICES = ("null", "zero", "full", "random", "urandom")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
_MASKED = ("kcore", "keys", "timer_list", "sysrq-trigger", "latency_stats", "sched_debug")
_READ_ONLY = ("sys", "irq", "bus", "fs")
_WAITING = "/.volumes"


def build_root(order: Mapping[str, Any]) -> None:
    """Make the root of this process's mount namespace what the order says, and enter it."""
    root: str = order["root"]
    uid = 0 if order["uid"] is None else int(order["uid"])
    linux.keep_mounts_private()
    size = f"size={order['size']},nr_inodes=65536,mode=0755"
    linux.mount("tmpfs", root, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, size)
    targets = [volume["target"] for volume in order["volumes"]]
    _show_system(root, targets)
    for source, target in order["shown"].items():
        _make_place(source, root + target)
        linux.bind(source, root + target, read_only=True)
    _make_devices(root, order["shm"])
    _make_own(root, order, uid)
    _stage_volumes(root, order["volumes"])
    _mount_proc(f"{root}/proc")
    linux.pivot(root)
    _place_volumes(order["volumes"])
    _make_directory(order["directory"], uid)
    if order["read_only"]:
        linux.close_root()


def _show_system(root: str, targets: Iterable[str]) -> None:
    for path in (*_SYSTEM, *_SYSTEM_FILES):
        if os.path.islink(path) and path in _SYSTEM:
            os.symlink(os.readlink(path), root + path)
        elif os.path.exists(path):
            _show(root, path, [t for t in targets if t.startswith(f"{path}/")])


def _show(root: str, path: str, targets: list[str]) -> None:
    """Show a part of the host; in pieces where a volume's place has to be made inside it."""
    missing = [target for target in targets if not os.path.isdir(target)]
    if not missing or not os.path.isdir(path):
        _make_place(path, root + path)
        linux.bind(path, root + path, read_only=True)
        return
    os.makedirs(root + path, exist_ok=True)
    for name in os.listdir(path):
        child = f"{path}/{name}"
        if os.path.islink(child):
            os.symlink(os.readlink(child), root + child)
        elif os.path.isdir(child) or os.path.isfile(child):
            inside = [t for t in targets if t == child or t.startswith(f"{child}/")]
            _show(root, child, inside)


def _make_place(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "ab"):
        pass


def _make_devices(root: str, shared_memory: int) -> None:
    os.makedirs(f"{root}/dev/shm")
    for name in _DEVICES:
        _make_place(f"/dev/{name}", f"{root}/dev/{name}")
        linux.bind(f"/dev/{name}", f"{root}/dev/{name}", read_only=False, devices=True)
    for name, target in _DEVICE_LINKS.items():
        os.symlink(target, f"{root}/dev/{name}")
    flags = linux.MS_NOSUID | linux.MS_NODEV
    linux.mount("tmpfs", f"{root}/dev/shm", "tmpfs", flags, f"size={shared_memory},mode=1777")


def _make_own(root: str, order: Mapping[str, Any], uid: int) -> None:
    """Make what belongs to the container: its files, its home, folders that anybody may use."""
    for folder in ("tmp", "run", "var/tmp", "var/cache", "var/log"):
        os.makedirs(f"{root}/{folder}", exist_ok=True)
        os.chmod(f"{root}/{folder}", 0o1777)
    os.symlink("../run", f"{root}/var/run")
    os.makedirs(f"{root}/root", exist_ok=True)
    os.makedirs(f"{root}/proc")
    for path, text in order["files"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        with open(root + path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(root + path, 0o755 if "/bin/" in path else 0o644)
    for path, target in order["links"].items():
        os.makedirs(os.path.dirname(root + path), exist_ok=True)
        os.symlink(target, root + path)
    for place in (root, f"{root}/root"):
        os.chown(place, uid, uid)


def _stage_volumes(root: str, volumes: list[dict[str, Any]]) -> None:
    """Bring volumes into the new root, while the host can still be seen."""
    for position, volume in enumerate(volumes):
        source = _open_beneath(volume["source"], volume["sub_path"], volume["uid"])
        try:
            way = f"/proc/self/fd/{source}"
            waiting = f"{root}{_WAITING}/{position}"
            _make_place(way, waiting)
            linux.bind(way, waiting, read_only=volume["read_only"])
        finally:
            os.close(source)


def _open_beneath(folder: str, sub_path: str, uid: int | None) -> int:
    """Open a part of a volume, through no link: whoever writes the volume may have put one there.

    A part that is missing becomes a folder, as with a kubelet.
    """
    descriptor = os.open(folder, os.O_PATH | os.O_CLOEXEC)
    for name in [part for part in sub_path.split("/") if part not in ("", ".")]:
        if name == "..":
            raise ValueError("a subPath may not climb")
        try:
            following = _open_plainly(descriptor, name)
        except FileNotFoundError:
            os.mkdir(name, 0o755, dir_fd=descriptor)
            following = _open_plainly(descriptor, name)
            if uid is not None:
                os.chown(f"/proc/self/fd/{following}", uid, uid)
        os.close(descriptor)
        descriptor = following
    return descriptor


def _open_plainly(folder: int, name: str) -> int:
    descriptor = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    if stat.S_ISLNK(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ValueError(f"the subPath leads over the link {name}")
    return descriptor


def _mount_proc(place: str) -> None:
    """Show the container's own processes, and nothing that tells of the host or changes it.

    Without root this works only while the host's own `/proc` can still be seen.
    """
    linux.mount("proc", place, "proc", linux.MS_NOSUID | linux.MS_NODEV)
    for name in _READ_ONLY:
        if os.path.isdir(f"{place}/{name}"):
            linux.bind(f"{place}/{name}", f"{place}/{name}", read_only=True)
    for name in _MASKED:
        if os.path.exists(f"{place}/{name}"):
            linux.mount("/dev/null", f"{place}/{name}", None, linux.MS_BIND)


def _place_volumes(volumes: list[dict[str, Any]]) -> None:
    """Move volumes to their places, the outer ones first; a link leads nowhere outside by now."""
    for position, volume in sorted(enumerate(volumes), key=lambda pair: len(pair[1]["target"])):
        waiting, target = f"{_WAITING}/{position}", volume["target"]
        _make_place(waiting, target)
        linux.mount(waiting, target, None, linux.MS_MOVE)
        os.rmdir(waiting) if os.path.isdir(waiting) else os.unlink(waiting)
    if volumes:
        os.rmdir(_WAITING)


def _make_directory(path: str, uid: int) -> None:
    if not os.path.isdir(path):
        os.makedirs(path)
        os.chown(path, uid, uid)
