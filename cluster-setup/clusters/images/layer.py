"""A layer: a tar archive that depends on nothing but what is put into it.

No time, no owner's name and no order of a folder comes in: the same content is the same bytes.
"""

from __future__ import annotations

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol, cast

_BLOCK = 1 << 20
_FOLDER, _FILE, _PROGRAM = 0o755, 0o644, 0o755


class Writer(Protocol):
    """Where the bytes of an archive go."""

    def write(self, data: bytes, /) -> int:
        """Append bytes."""


class Reader(Protocol):
    """Where the content of a file comes from."""

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, nothing at the end."""


@dataclass
class Layer:
    """Writes a layer entry by entry; a context manager, at whose end the archive is whole.

    Paths are relative to the image's root. A folder is made before what is in it, once.
    """

    writer: Writer

    def __post_init__(self) -> None:
        self._out = _Unseekable(self.writer)
        self._tar = tarfile.open(
            fileobj=self._out, mode="w|", format=tarfile.GNU_FORMAT, bufsize=_BLOCK
        )
        self._seen: set[str] = set()

    def __enter__(self) -> Layer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._out.given_up = kind is not None
        self._tar.close()

    def __contains__(self, path: str) -> bool:
        return _clean(path) in self._seen

    def folder(self, path: str, mode: int = _FOLDER) -> None:
        """Add a folder, and those it lies in; one that is there already stays as it is."""
        info = self._entry(path, tarfile.DIRTYPE, mode)
        if info:
            self._tar.addfile(info)

    def data(self, path: str, content: bytes, mode: int = _FILE) -> None:
        """Add a file of these bytes."""
        self.stream(path, io.BytesIO(content), len(content), mode)

    def file(self, path: str, source: Path, mode: int = _PROGRAM) -> None:
        """Add a copy of a file of this host."""
        with source.open("rb") as file:
            self.stream(path, file, source.stat().st_size, mode)

    def stream(
        self, path: str, content: Reader, size: int, mode: int, owner: tuple[int, int] = (0, 0)
    ) -> None:
        """Add a file of `size` bytes.

        Args:
            path: where it lies.
            content: read once, from where it is.
            size: bytes.
            mode: permission bits.
            owner: uid and gid.
        """
        if info := self._entry(path, tarfile.REGTYPE, mode):
            info.size, (info.uid, info.gid) = size, owner
            self._tar.addfile(info, cast(IO[bytes], content))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        if info := self._entry(path, tarfile.SYMTYPE, 0o777):
            info.linkname = target
            self._tar.addfile(info)

    def same(self, path: str, earlier: str) -> None:
        """Add a second name of a file that was added earlier."""
        if info := self._entry(path, tarfile.LNKTYPE, _FILE):
            info.linkname = _clean(earlier)
            self._tar.addfile(info)

    def tree(self, root: Path) -> None:
        """Add everything that lies in a folder of this host, in the order of the names."""
        for source in sorted(root.rglob("*")):
            path = source.relative_to(root).as_posix()
            if source.is_symlink():
                self.link(path, str(source.readlink()))
            elif source.is_dir():
                self.folder(path)
            else:
                self.file(path, source, _PROGRAM if source.stat().st_mode & 0o100 else _FILE)

    def _entry(self, path: str, kind: bytes, mode: int) -> tarfile.TarInfo | None:
        """Return a new entry after its folders, or None where the path is taken."""
        name = _clean(path)
        if not name or name in self._seen:
            return None
        parent = str(PurePosixPath(name).parent)
        if parent != ".":
            self.folder(parent)
        self._seen.add(name)
        info = tarfile.TarInfo(name)
        info.type, info.mode = kind, mode & 0o7777
        return info


class _Unseekable(io.RawIOBase):
    """What tarfile needs of a stream, and nothing more."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer
        self.given_up = False

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return len(data) if self.given_up else self._writer.write(data)


def _clean(path: str) -> str:
    name = str(PurePosixPath("/") / path).lstrip("/")
    if ".." in PurePosixPath(name).parts:
        raise ValueError(f"{path} leads out of the image")
    return name
