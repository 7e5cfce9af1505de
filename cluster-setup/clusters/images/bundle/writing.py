"""Writing a bundle."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from clusters.binaries.lock import host_platform, installed_locks
from clusters.binaries.store import Slot
from clusters.errors import ClusterError
from clusters.images.bundle.index import INDEX, Bundle, Index, OnShare
from clusters.images.layer import Layer
from clusters.images.store import Image, ImageStore, digest_of

_COMPRESSION = 4
"""A third larger than the best and several times as fast."""


def cached_binaries() -> list[Slot]:
    """Return the binaries in the cache that this version of Assay pins."""
    pinned = {(n, b.version) for lock in installed_locks() for n, b in lock.binaries.items()}
    slots = (Slot(name, version) for name, version in sorted(pinned))
    return [slot for slot in slots if slot.filled]


def write_bundle(
    store: ImageStore, images: Sequence[Image], binaries: Sequence[Slot], to: Path, on: OnShare
) -> Bundle:
    """Write images and binaries to one file, which appears when it is whole.

    Args:
        store: where the images are.
        images: what to write.
        binaries: what to write besides.
        to: the file.
        on: told about the progress.

    Raises:
        ClusterError: a file in the cache is damaged, or the disk is full.
    """
    index = _describe(images, binaries)
    sources = {f"bin/{slot.name}-{slot.version}": slot.path for slot in binaries}
    sources |= {f"blobs/{b.sha256}": store.path(b) for image in images for b in image.blobs}
    head = index.model_dump_json(by_alias=True).encode()
    part = to.with_name(f".{to.name}.part")
    try:
        with part.open("wb") as file:
            with gzip.GzipFile("", "wb", _COMPRESSION, file, mtime=0) as packed:
                with Layer(packed) as archive:
                    archive.data(INDEX, head)
                    _write_files(archive, index, sources, on)
            file.flush()
            os.fsync(file.fileno())
        part.rename(to)
    except OSError as error:
        raise ClusterError(f"{to} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
    return Bundle(to, index, hashlib.sha256(head).hexdigest())


def _describe(images: Sequence[Image], binaries: Sequence[Slot]) -> Index:
    described: dict[str, Any] = {
        "schema": "assay.dev/bundle/v1",
        "platform": host_platform(),
        "images": [
            {
                "reference": image.reference,
                "config": vars(image.config),
                "layers": [vars(layer) for layer in image.layers],
            }
            for image in images
        ],
        "binaries": [
            {
                "name": slot.name,
                "version": slot.version,
                "sha256": digest_of(slot.path),
                "size": slot.path.stat().st_size,
            }
            for slot in binaries
        ],
    }
    return Index.model_validate(described)


def _write_files(archive: Layer, index: Index, sources: Mapping[str, Path], on: OnShare) -> None:
    done, total = 0, sum(entry.size for entry in index.files().values())
    for path, entry in index.files().items():
        on(path, done / total)
        with sources[path].open("rb") as file:
            counted = _Hashed(file)
            archive.stream(path, counted, entry.size, 0o644)
        if counted.sha256 != entry.sha256:
            raise ClusterError(
                f"{sources[path]} is damaged: build it again (`assay images build --fresh`), or "
                "remove it and fetch it (`assay binaries fetch`)"
            )
        done += entry.size


class _Hashed:
    """A file whose digest is taken while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._hash = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        data = self._file.read(size)
        self._hash.update(data)
        return data

    @property
    def sha256(self) -> str:
        return self._hash.hexdigest()
