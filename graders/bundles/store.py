"""EvidenceStore: bundles in a private folder, each under its digest.

A bundle is on disk, and its folder too, before anybody may name it; a process that is killed on
the way leaves a file that no report names, which `sweep` removes.
"""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from clusters.errors import AssayError, NotFound
from clusters.home import home
from graders.bundles.bundle import BundleDamaged, digest_of, pack, read_bundle, unpack

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_SUFFIX = ".json.gz"
GRACE_SECONDS = 3600.0
"""A bundle that no report names is left alone so long: its report may be on its way."""


def evidence_folder() -> Path:
    """Return where this installation keeps evidence."""
    return home() / "evidence"


class EvidenceStore:
    """Keeps bundles. Safe from several threads and processes."""

    def __init__(self, folder: Path | None = None) -> None:
        """Keep bundles in `folder`, made private when it is first written to."""
        self.folder = folder or evidence_folder()

    def put(self, text: bytes) -> str:
        """Keep a bundle and return its digest; keeping it again changes nothing.

        Raises:
            OSError: there is no room, or no right to write.
        """
        digest = digest_of(text)
        self.put_packed(digest, pack(text))
        return digest

    def put_packed(self, digest: str, packed: bytes) -> None:
        """Keep a compressed bundle whose digest is known; raises like `put`."""
        path = self.path(digest)
        if not path.exists():
            if not path.parent.is_dir():
                self._make_folders()
            beside = path.with_name(f".{secrets.token_hex(8)}.new")
            try:
                _write(beside, packed)
                beside.rename(path)
            finally:
                beside.unlink(missing_ok=True)
            _sync(path.parent)
        else:
            with suppress(OSError):
                os.utime(path)  # nobody may sweep it before it is named

    def get(self, digest: str) -> bytes:
        """Return the text of a bundle.

        Raises:
            NotFound: there is no such bundle.
            BundleDamaged: it is not what its digest says.
        """
        text = unpack(self.read_packed(digest))
        if digest_of(text) != digest:
            raise BundleDamaged(f"the evidence {digest} was changed")
        return text

    def read_packed(self, digest: str) -> bytes:
        """Return a bundle as it is stored; whether it is whole shows when it is unpacked.

        Raises:
            NotFound: there is no such bundle.
        """
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFound(f"the evidence {digest} is not here") from error

    def has(self, digest: str) -> bool:
        """Whether a bundle is here."""
        return self.path(digest).is_file()

    def path(self, digest: str) -> Path:
        """Return where a bundle is, or would be.

        Raises:
            NotFound: that is no digest.
        """
        match = _DIGEST.fullmatch(digest)
        if match is None:
            raise NotFound(f"{digest!r} does not name evidence; it begins with sha256:")
        return self.folder / match[1][:2] / f"{match[1]}{_SUFFIX}"

    def copy(self, digests: Iterable[str], folder: Path) -> None:
        """Copy bundles into a folder, each under its digest.

        Raises:
            NotFound: one is not here.
            BundleDamaged: one is not what its digest says.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for digest in digests:
            (folder / self.path(digest).name).write_bytes(pack(self.get(digest)))

    def sweep(
        self,
        named: Callable[[Collection[str]], Collection[str]],
        is_ours: Callable[[str], bool],
        grace: float = GRACE_SECONDS,
    ) -> list[str]:
        """Remove what processes that were killed have left, and return it.

        Args:
            named: told digests, says which of them some report names.
            is_ours: whether the ledger that is asked knows an attempt; the evidence of attempts
                in other ledgers stays.
            grace: seconds for which a bundle is left alone, whoever names it.
        """
        before = time.time() - grace
        removed: list[str] = []
        for folder in sorted(p for p in self.folder.glob("[0-9a-f][0-9a-f]") if p.is_dir()):
            old = {f"sha256:{p.name.removesuffix(_SUFFIX)}": p for p in _older(folder, before)}
            bundles = {digest for digest in old if _DIGEST.fullmatch(digest)}
            unnamed = bundles - set(named(bundles)) if bundles else set()
            halves = set(old) - bundles
            for digest in sorted(halves | {d for d in unnamed if is_ours(self._attempt_of(d))}):
                old[digest].unlink(missing_ok=True)
                removed.append(digest if digest in bundles else old[digest].name)
        return removed

    def is_time_to_sweep(self, every: float = GRACE_SECONDS) -> bool:
        """Whether nobody has swept for so many seconds; whoever is told so is the one to do it."""
        mark = self.folder / ".swept"
        try:
            if time.time() - mark.stat().st_mtime < every:
                return False
        except FileNotFoundError:
            if not self.folder.is_dir():
                return False
        mark.touch(mode=0o600)
        return True

    def _make_folders(self) -> None:
        """Make all of them at once: a bundle that made its own would wait for the disk twice."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for number in range(256):
            (self.folder / f"{number:02x}").mkdir(mode=0o700, exist_ok=True)
        _sync(self.folder)

    def _attempt_of(self, digest: str) -> str:
        try:
            return str(read_bundle(self.get(digest))["attempt"])
        except (AssayError, KeyError):
            return ""  # damaged; whose it is cannot be told


def _older(folder: Path, before: float) -> Iterator[Path]:
    for path in folder.iterdir():
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < before:
                yield path


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
