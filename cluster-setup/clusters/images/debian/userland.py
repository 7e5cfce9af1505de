"""A root filesystem out of packages, without running any of their scripts.

Nothing here needs root, a chroot or Docker: the files of each package are copied into a layer in
the order of the names, and the few things that scripts would have done are done by `settle`.
"""

from __future__ import annotations

import fnmatch
import re
import tarfile
from collections.abc import Iterable
from pathlib import Path

from clusters.errors import ClusterError
from clusters.images.debian.package import files_of
from clusters.images.layer import Layer

MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders that are links into `/usr` on every Debian since 12."""
_FIRST = "base-files"
"""Its folders (`/tmp`, `/root`) have modes of their own, so they come before anybody's."""
_LEFT_OUT = (
    "usr/share/doc/*",
    "usr/share/info/*",
    "usr/share/lintian/*",
    "usr/share/locale/*",
    "usr/share/man/*",
    "usr/share/bash-completion/*",
    "usr/share/zsh/*",
    "usr/share/bug/*",
    "usr/lib/*/gconv/*",
    # Links into /run, as on any running system.
    "var/lock",
    "var/run",
)
_KEPT = "usr/share/doc/*/copyright"


def add_packages(layer: Layer, packages: Iterable[Path], leave_out: Iterable[str] = ()) -> None:
    """Copy the files of packages into a layer.

    Args:
        layer: where they go.
        packages: files, in the order of their names.
        leave_out: patterns of paths that are not wanted, besides documentation and translations
            (licences are always kept).

    Raises:
        ClusterError: two packages have the same file, or one cannot be read.
    """
    for name in MERGED:
        layer.folder(f"usr/{name}")
        layer.link(name, f"usr/{name}")
    for package in packages:
        _add_package(layer, package, (*_LEFT_OUT, *leave_out))


def in_order(names: Iterable[str]) -> list[str]:
    """Return package names in the order in which they are copied."""
    return sorted(names, key=lambda name: (name != _FIRST, name))


def merged(path: str) -> str:
    """Return where a path is on a system whose `/bin` and `/lib` are links into `/usr`."""
    path = path.removeprefix("./").strip("/")
    return f"usr/{path}" if path.partition("/")[0] in MERGED else path


def _add_package(layer: Layer, package: Path, leave_out: Iterable[str]) -> None:
    unwanted = re.compile("|".join(fnmatch.translate(pattern) for pattern in leave_out))
    with files_of(package) as archive:
        for member in archive:
            path = merged(member.name)
            if path in (".", "", *(f"usr/{name}" for name in MERGED)):
                continue
            if unwanted.match(path) and not fnmatch.fnmatch(path, _KEPT):
                continue
            if path in layer and not member.isdir():
                raise ClusterError(f"{package.name}: another package has /{path}, too")
            _add_member(layer, archive, member, path)


def _add_member(layer: Layer, archive: tarfile.TarFile, member: tarfile.TarInfo, path: str) -> None:
    if member.isdir():
        layer.folder(path, member.mode)
    elif member.issym():
        layer.link(path, member.linkname)
    elif member.islnk():
        layer.same(path, merged(member.linkname))
    elif content := archive.extractfile(member):
        layer.stream(path, content, member.size, member.mode, (member.uid, member.gid))
