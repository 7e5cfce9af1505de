"""The store of images in the cache: layers and configurations by digest, images by reference.

    $ASSAY_CACHE/images/blobs/<sha256>              a layer or a configuration
    $ASSAY_CACHE/images/index/<reference>.json      an image: which blobs it is made of
    $ASSAY_CACHE/images/parts/<sha256>              a finished step: digest of its inputs -> blob
    $ASSAY_CACHE/images/.staging/                   what is on its way

Everything appears by one rename, so it is whole or absent, whatever is killed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

import psutil

from clusters.errors import NotFound
from clusters.home import cache_path


@dataclass(frozen=True)
class Blob:
    """A file of the store, named by what is in it."""

    sha256: str
    size: int
    """Bytes."""


@dataclass(frozen=True)
class Image:
    """An image in the store."""

    reference: str
    """For example `assay/node:v1.37.2`."""
    config: Blob
    """Its digest is the image's id: the same id is the same image, to the last bit."""
    layers: tuple[Blob, ...]
    """Tar archives that are not compressed, the lowest first."""

    @property
    def digest(self) -> str:
        """The image's id, for example `sha256:4f1e...`."""
        return f"sha256:{self.config.sha256}"

    @property
    def size(self) -> int:
        """Bytes of its layers."""
        return sum(layer.size for layer in self.layers)

    @property
    def blobs(self) -> tuple[Blob, ...]:
        """Everything it is made of."""
        return (self.config, *self.layers)


class BlobWriter:
    """Writes a file while its digest is taken."""

    def __init__(self, file: IO[bytes]) -> None:
        """Write to `file` from where it is."""
        self._file = file
        self._hash = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> int:
        """Append bytes."""
        self._hash.update(data)
        self._size += len(data)
        return self._file.write(data)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self._size

    def blob(self) -> Blob:
        """Return what was written so far."""
        return Blob(self._hash.hexdigest(), self._size)


class ImageStore:
    """Images and what they are made of, in one folder."""

    def __init__(self, folder: Path | None = None, *, fresh: bool = False) -> None:
        """Use a folder; nothing is made yet.

        Args:
            folder: by default that of this installation's cache.
            fresh: make every step again, also where it is known what comes out.
        """
        self.folder = folder or cache_path() / "images"
        self._fresh = fresh

    def path(self, blob: Blob) -> Path:
        """Return where a blob is, once it is there."""
        return self.folder / "blobs" / blob.sha256

    def has(self, blob: Blob) -> bool:
        """Say whether a blob is there in its whole length; only reading it tells its content."""
        path = self.path(blob)
        return path.is_file() and path.stat().st_size == blob.size

    def add(self, write: Callable[[BlobWriter], None]) -> Blob:
        """Add what `write` writes, at once and for good; nothing is added where it fails."""
        with self.scratch() as scratch, (scratch / "blob").open("wb") as file:
            writer = BlobWriter(file)
            write(writer)
            file.flush()
            os.fsync(file.fileno())
            return self.place(scratch / "blob", writer.blob())

    def add_bytes(self, data: bytes) -> Blob:
        """Add a small blob."""
        return self.add(lambda writer: _write_all(writer, data))

    def place(self, file: Path, blob: Blob) -> Blob:
        """Move a finished file whose digest is known into the store."""
        target = self.path(blob)
        target.parent.mkdir(parents=True, exist_ok=True)
        file.rename(target)
        return blob

    def part(self, inputs: str, make: Callable[[BlobWriter], None]) -> Blob:
        """Return the blob of a step, making it only where the same inputs never were.

        Args:
            inputs: digest of everything that the blob depends on.
            make: writes the blob.
        """
        note = self.folder / "parts" / inputs
        known = None if self._fresh else _read_blob(note)
        if known and self.has(known):
            return known
        made = self.add(make)
        self._write(note, asdict(made))
        return made

    def tag(self, image: Image) -> Image:
        """Put an image whose blobs are there under its reference, instead of an older one."""
        self._write(self._record(image.reference), asdict(image))
        return image

    def find(self, reference: str) -> Image | None:
        """Return an image, or None where it is not whole or not there."""
        image = _read_image(self._record(reference))
        return image if image and all(map(self.has, image.blobs)) else None

    def get(self, reference: str) -> Image:
        """Return an image.

        Raises:
            NotFound: it is not in the store.
        """
        if (image := self.find(reference)) is None:
            known = ", ".join(found.reference for found in self.images()) or "none"
            raise NotFound(f"there is no image {reference} in the cache; there are: {known}")
        return image

    def images(self) -> list[Image]:
        """Return the images that are whole, by reference."""
        records = sorted((self.folder / "index").glob("*.json"))
        found = (_read_image(record) for record in records)
        return [image for image in found if image and all(map(self.has, image.blobs))]

    def prune(self) -> int:
        """Remove blobs that no image needs any more; the caller holds `locked`.

        Returns:
            How many bytes this gave back.
        """
        with self._flock("adding", fcntl.LOCK_EX):
            return self._prune()

    def _prune(self) -> int:
        needed = {blob.sha256 for image in self.images() for blob in image.blobs}
        freed = 0
        for path in (self.folder / "blobs").glob("*"):
            if path.name not in needed:
                freed += path.stat().st_size
                path.unlink()
        for note in (self.folder / "parts").glob("*"):
            if (known := _read_blob(note)) is None or known.sha256 not in needed:
                note.unlink()
        return freed

    @contextmanager
    def locked(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Let one process at a time build; the lock ends with its process.

        Args:
            on_wait: called once when another process holds the lock, before waiting for it.
        """
        with self._flock("building", fcntl.LOCK_EX, on_wait):
            self._sweep()
            yield

    @contextmanager
    def adding(self) -> Iterator[None]:
        """Keep blobs from being removed until the image that needs them has its reference."""
        with self._flock("adding", fcntl.LOCK_SH):
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder on the store's own disk; what a kill leaves, `locked` removes."""
        folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=self._staging("scratch")))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _staging(self, *below: str) -> Path:
        staging = self.folder.joinpath(".staging", *below)
        staging.mkdir(parents=True, exist_ok=True)
        return staging

    @contextmanager
    def _flock(
        self, name: str, kind: int, on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[None]:
        with (self._staging() / name).open("w") as lock:
            try:
                fcntl.flock(lock, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(lock, kind)
            yield

    def _sweep(self) -> None:
        """Remove what processes that are gone were writing."""
        for left in self._staging("scratch").iterdir():
            if not psutil.pid_exists(int(left.name.partition("-")[0])):
                shutil.rmtree(left, ignore_errors=True)

    def _record(self, reference: str) -> Path:
        return self.folder / "index" / f"{quote(reference, safe='')}.json"

    def _write(self, path: Path, document: object) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with self.scratch() as scratch:
            (scratch / "note").write_text(json.dumps(document) + "\n", encoding="utf-8")
            (scratch / "note").rename(path)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def image_from(document: object) -> Image:
    """Return the image that `dataclasses.asdict` described.

    Raises:
        ValueError, TypeError, KeyError: the document describes none.
    """
    if not isinstance(document, dict):
        raise TypeError("an image is a mapping")
    layers = tuple(Blob(**layer) for layer in document["layers"])
    return Image(str(document["reference"]), Blob(**document["config"]), layers)


def _write_all(writer: BlobWriter, data: bytes) -> None:
    writer.write(data)


def _read_blob(path: Path) -> Blob | None:
    try:
        return Blob(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _read_image(path: Path) -> Image | None:
    try:
        return image_from(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError):
        return None
