"""Reading a bundle: all of it is checked before any of it is kept."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from pydantic import ValidationError

from clusters.binaries.lock import host_platform
from clusters.binaries.store import Origin, Slot
from clusters.errors import ClusterError, InputInvalid
from clusters.images.bundle.index import (
    INDEX,
    Bundle,
    BundledBinary,
    BundledImage,
    Index,
    OnShare,
)
from clusters.images.store import Blob, BlobWriter, Image, ImageStore
from clusters.problems import describe_problems

_LARGEST_INDEX = 1 << 20
_BLOCK = 1 << 20
_BROKEN = (EOFError, tarfile.TarError, gzip.BadGzipFile, zlib.error)


def read_bundle(path: Path, store: ImageStore, on: OnShare, digest: str = "") -> Bundle:
    """Take over everything that is in a bundle, or nothing where it is not what it says.

    What is in the cache already stays as it is.

    Args:
        path: the file.
        store: where the images go.
        on: told about the progress.
        digest: what `export` printed, where it is known.

    Raises:
        InputInvalid: it is no bundle, is damaged, or is another one.
        ClusterError: the disk is full.
    """
    try:
        with _opened(path, digest) as (bundle, archive, packed), store.adding():
            with store.scratch() as scratch:
                files = _unpack(bundle, archive, scratch, on)
                _read_to_end(packed)
                images = [_image(path, entry, files) for entry in bundle.index.images]
                for binary in bundle.index.binaries:
                    _place_binary(binary, files[f"bin/{binary.name}-{binary.version}"], path)
                for image in images:
                    for blob in image.blobs:
                        if (file := files[f"blobs/{blob.sha256}"]).exists():
                            store.place(file, blob)
                    store.tag(image)
    except OSError as error:
        raise ClusterError(
            f"{path} cannot be imported into {store.folder}: {error.strerror or error}"
        ) from error
    return bundle


@contextmanager
def _opened(path: Path, digest: str) -> Iterator[tuple[Bundle, tarfile.TarFile, gzip.GzipFile]]:
    """Open a bundle and read its index; its files come next in the tar."""
    try:
        with gzip.open(path, "rb") as file, tarfile.open(fileobj=file, mode="r|") as archive:
            first = archive.next()
            if first is None or first.name != INDEX or first.size > _LARGEST_INDEX:
                raise InputInvalid([f"{path} is no bundle: it does not begin with {INDEX}"])
            content = archive.extractfile(first)
            head = content.read() if content else b""
            found = hashlib.sha256(head).hexdigest()
            if digest and found != digest.removeprefix("sha256:").lower():
                raise InputInvalid([f"{path} is another bundle: its digest is sha256:{found}"])
            yield Bundle(path, _read_index(path, head), found), archive, file
    except _BROKEN as error:
        raise InputInvalid(
            [f"{path} is cut short or damaged ({error}): copy it once more; nothing was imported"]
        ) from error


def _read_index(path: Path, head: bytes) -> Index:
    try:
        index = Index.model_validate_json(head)
    except ValidationError as error:
        raise InputInvalid(describe_problems(error, f"{path}: {INDEX}")) from error
    if index.platform != host_platform():
        raise InputInvalid([f"{path} is for {index.platform}, and this host is {host_platform()}"])
    return index


def _unpack(bundle: Bundle, archive: tarfile.TarFile, to: Path, on: OnShare) -> dict[str, Path]:
    """Write the files of a bundle into a folder, checked, and return them by path."""
    files = bundle.index.files()
    done, total = 0, sum(entry.size for entry in files.values())
    if (free := shutil.disk_usage(to).free) < total:
        raise ClusterError(
            f"{bundle.path} needs {total >> 20} MiB in {to.parent}, where {free >> 20} MiB are "
            "free: make room there, or choose another folder with ASSAY_CACHE"
        )
    unpacked = {}
    for number, (path, entry) in enumerate(files.items()):
        on(path, done / total)
        member = _next_file(archive)
        if member is None or member.name != path or member.size != entry.size:
            raise InputInvalid([f"{bundle.path} is damaged: {path} is not where {INDEX} says"])
        unpacked[path] = to / str(number)
        content = archive.extractfile(member)
        if content is None or _copy(content, unpacked[path]) != entry.sha256:
            raise InputInvalid(
                [f"{bundle.path}: {path} has the wrong checksum; nothing was imported"]
            )
        done += entry.size
    if _next_file(archive) is not None:
        raise InputInvalid([f"{bundle.path} holds more than {INDEX} says; nothing was imported"])
    return unpacked


def _read_to_end(packed: gzip.GzipFile) -> None:
    """Read what is left, at whose end stands the checksum of the whole."""
    while packed.read(_BLOCK):
        pass


def _next_file(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    """Return what comes next; folders hold nothing and need no checking."""
    while (member := archive.next()) is not None and member.isdir():
        pass
    return member


def _copy(content: IO[bytes], to: Path) -> str:
    with to.open("wb") as file:
        writer = BlobWriter(file)
        while block := content.read(_BLOCK):
            writer.write(block)
    return writer.blob().sha256


def _image(bundle: Path, entry: BundledImage, files: dict[str, Path]) -> Image:
    """Return an image of a bundle, whose configuration must be about its layers."""
    config = json.loads(files[f"blobs/{entry.config.sha256}"].read_bytes())
    if config["rootfs"]["diff_ids"] != [f"sha256:{layer.sha256}" for layer in entry.layers]:
        raise InputInvalid([f"{bundle}: {entry.reference} is not made of the layers it names"])
    layers = tuple(Blob(layer.sha256, layer.size) for layer in entry.layers)
    return Image(entry.reference, Blob(entry.config.sha256, entry.config.size), layers)


def _place_binary(binary: BundledBinary, file: Path, bundle: Path) -> None:
    slot = Slot(binary.name, binary.version)
    with slot.locked(lambda: None):
        if slot.filled:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        with slot.scratch() as scratch:
            moved = file.rename(scratch / binary.name)
            slot.fill(moved, Origin("import", bundle.name, binary.sha256, now))
