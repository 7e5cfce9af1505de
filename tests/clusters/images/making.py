"""Debian packages and layers that hold what a test puts into them."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

from clusters.images.layer import Layer
from clusters.images.store import BlobWriter, ImageStore

Files = dict[str, bytes | str | None]
"""Path -> content; a text is the target of a link, None a folder."""


def deb(files: Files, packing: str = "xz", control: str = "") -> bytes:
    """Return a Debian package: an `ar` archive of two tars."""
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": tar_of({"./control": control.encode()}, "gz"),
        f"data.tar.{packing}".rstrip("."): tar_of(files, packing),
    }
    packed = b"!<arch>\n"
    for name, data in members.items():
        packed += f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode()
        packed += data + b"\n" * (len(data) % 2)
    return packed


def tar_of(files: Files, packing: str) -> bytes:
    """Return a tar as dpkg packs it: paths that begin with `./`."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{packing}") as archive:  # type: ignore[call-overload]
        for path, content in files.items():
            info = tarfile.TarInfo(path)
            info.mtime, info.mode = 1_700_000_000, 0o644
            if content is None:
                info.type, info.mode = tarfile.DIRTYPE, 0o1777 if "tmp" in path else 0o755
                archive.addfile(info)
            elif isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def written(
    store: ImageStore, fill: Callable[[Layer], None]
) -> tuple[str, dict[str, tarfile.TarInfo]]:
    """Return the digest of a layer and its entries by path."""

    def write(writer: BlobWriter) -> None:
        with Layer(writer) as layer:
            fill(layer)

    blob = store.add(write)
    with tarfile.open(store.path(blob)) as archive:
        return blob.sha256, {member.name: member for member in archive}


def content(store: ImageStore, fill: Callable[[Layer], None]) -> dict[str, bytes]:
    """Return the files of a layer by path."""
    digest, _ = written(store, fill)
    with tarfile.open(store.folder / "blobs" / digest) as archive:
        return {m.name: f.read() for m in archive if m.isfile() and (f := archive.extractfile(m))}
