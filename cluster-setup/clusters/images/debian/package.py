"""Reading a Debian package: an `ar` archive with a tar of files in it.

https://manpages.debian.org/bookworm/dpkg-dev/deb.5.en.html
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from clusters.errors import ClusterError

_MAGIC = b"!<arch>\n"
_HEADER = 60
_MODES = {"data.tar.xz": "r|xz", "data.tar.gz": "r|gz", "data.tar": "r|"}


@contextmanager
def files_of(package: Path) -> Iterator[tarfile.TarFile]:
    """Open the tar of a package's files; read it from front to back.

    Raises:
        ClusterError: the file is no package, or one that is packed in an unknown way.
    """
    with package.open("rb") as file:
        name = _go_to_files(file, package)
        try:
            with tarfile.open(fileobj=file, mode=_MODES[name]) as archive:  # type: ignore[call-overload]
                yield archive
        except (tarfile.TarError, EOFError) as error:
            raise ClusterError(
                f"{package} is no Debian package that can be read: {error}"
            ) from error


def read_file(package: Path, *paths: str) -> dict[str, bytes]:
    """Return the content of some files of a package by path, for example `usr/bin/busybox`."""
    found = {}
    with files_of(package) as archive:
        for member in archive:
            path = member.name.removeprefix("./")
            if path in paths and (content := archive.extractfile(member)):
                found[path] = content.read()
    return found


def _go_to_files(file: IO[bytes], package: Path) -> str:
    """Move to the begin of the tar and return its name."""
    if file.read(len(_MAGIC)) == _MAGIC:
        while len(header := file.read(_HEADER)) == _HEADER:
            name = header[:16].decode("ascii", "replace").strip().rstrip("/")
            if name in _MODES:
                return name
            size = int(header[48:58])
            file.seek(size + size % 2, 1)
    raise ClusterError(f"{package} is no Debian package that can be read: it holds no files")
