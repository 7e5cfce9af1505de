"""The store of binaries in the cache: where each is, and how it gets there in one piece.

    $ASSAY_CACHE/bin/kubectl-v1.37.2/kubectl        the binary
    $ASSAY_CACHE/bin/kubectl-v1.37.2/origin.json    where it came from
    $ASSAY_CACHE/bin/.staging/kubectl-v1.37.2/      what is on its way, and who brings it

A binary appears by the rename of its finished folder, so it is whole or absent, whatever is killed.
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

from clusters.home import cache_path


@dataclass(frozen=True)
class Origin:
    """Where a binary in the store came from."""

    source: str
    """`download`, `build` or `import`; `unknown` where somebody put the binary there by hand."""
    reference: str = ""
    """URL of the release, or the Go package that was built."""
    sha256: str = ""
    """Checksum of the binary when it was placed."""
    placed_at: str = ""
    """RFC 3339, UTC."""


@dataclass(frozen=True)
class Slot:
    """The place of one binary of one version."""

    name: str
    version: str

    @property
    def title(self) -> str:
        """Name and version, for people."""
        return f"{self.name} {self.version}"

    @property
    def path(self) -> Path:
        """Where the binary is, once it is there."""
        return self._folder / self.name

    @property
    def staging(self) -> Path:
        """Folder of what is on its way; only the holder of `locked()` may touch it."""
        return cache_path() / "bin" / ".staging" / f"{self.name}-{self.version}"

    @property
    def part(self) -> Path:
        """What has arrived of a download; it outlives a kill, so that the next call goes on."""
        return self.staging / "download.part"

    @property
    def filled(self) -> bool:
        """The binary is there and can be run."""
        return self.path.is_file() and os.access(self.path, os.X_OK)

    def origin(self) -> Origin:
        """Return where the binary came from."""
        try:
            return Origin(**json.loads((self._folder / "origin.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return Origin("unknown")

    @contextmanager
    def locked(self, on_wait: Callable[[], None]) -> Iterator[None]:
        """Let one process at a time fill the slot; the lock ends with its process.

        Args:
            on_wait: called once when another process holds the lock, before waiting for it.
        """
        self.staging.mkdir(parents=True, exist_ok=True)
        with (self.staging / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                on_wait()
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """Give an empty folder for unfinished work and remove what killed processes left."""
        for left in self.staging.glob("scratch-*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = Path(tempfile.mkdtemp(prefix="scratch-", dir=self.staging))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def fill(self, finished: Path, origin: Origin) -> None:
        """Move a finished file into the slot, at once and for good.

        Args:
            finished: the binary, in a folder given by `scratch`.
            origin: where it came from.
        """
        folder = finished.parent / "placed"
        folder.mkdir(mode=0o755)
        binary = finished.rename(folder / self.name)
        binary.chmod(0o755)
        (folder / "origin.json").write_text(json.dumps(asdict(origin)) + "\n", encoding="utf-8")
        _flush(binary)
        if self._folder.exists():
            self._folder.rename(finished.parent / "broken")
        self.part.unlink(missing_ok=True)
        folder.rename(self._folder)

    @property
    def _folder(self) -> Path:
        return cache_path() / "bin" / f"{self.name}-{self.version}"


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    """Bring a file to the disk, so that a power cut cannot leave an empty one under its name."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
