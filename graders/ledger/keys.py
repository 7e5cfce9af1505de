"""The proctor's signing key, and the seal that shows when reports were cut off the end.

    keys/proctor.pem        Ed25519 private key, 0600, made on first use
    keys/proctor.pub.pem    its public half, for anybody who verifies
    keys/ledger-*.seal      newest link of the ledger, kept outside the database

A file is written beside its place and renamed, under a lock: no reader sees half a file, a process
that is killed leaves nothing in the way, and two first users get the same key.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from clusters.file_lock import locked
from graders.ledger.errors import LedgerError

_Files: TypeAlias = tuple[tuple[int, ...], ...]


class Seal(NamedTuple):
    """The newest report that the proctor has appended."""

    length: int
    """Number of reports in the chain."""
    link: str


class Keyring:
    """The folder of keys of an installation."""

    def __init__(self, folder: Path) -> None:
        """Use `folder`, made private when it is first written to."""
        self.folder = folder
        self._known: tuple[_Files, Ed25519PrivateKey] | None = None
        """The key, and how the files of the pair were when it was read."""

    def signing_key(self) -> Ed25519PrivateKey:
        """Return the proctor's key; make it on first use.

        Raises:
            LedgerError: the key file is not an Ed25519 private key.
        """
        known = self._known
        if known is not None and known[0] == self._files():
            return known[1]
        path = self.folder / "proctor.pem"
        with self._locked():
            if not path.exists():
                pem = Ed25519PrivateKey.generate().private_bytes(
                    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
                )
                self._write(path, pem)
            key = _read_key(path)
            self._publish(key)
            self._known = (self._files(), key)
        return key

    def public_key(self) -> Ed25519PublicKey:
        """Return the public half of the proctor's key."""
        return self.signing_key().public_key()

    def public_key_pem(self) -> str:
        """Return the public half as PEM text."""
        return _public_pem(self.signing_key()).decode("ascii")

    def seal(self, ledger: str) -> Seal:
        """Return the seal of the ledger at the URL `ledger`; an empty one before the first."""
        try:
            found = json.loads(self._seal_path(ledger).read_bytes())
            return Seal(int(found["length"]), str(found["link"]))
        except FileNotFoundError:
            return Seal(0, "")
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(f"{self._seal_path(ledger)}: is not a seal of the ledger") from error

    def advance_seal(self, ledger: str, seal: Seal) -> None:
        """Store a newer seal; an older one changes nothing."""
        with self._locked():
            if seal.length > self.seal(ledger).length:
                document = json.dumps({"length": seal.length, "link": seal.link}).encode()
                self._write(self._seal_path(ledger), document)

    def _files(self) -> _Files:
        """Return what tells whether the files of the pair are those that were there before."""
        return tuple(_state(self.folder / name) for name in ("proctor.pem", "proctor.pub.pem"))

    def _seal_path(self, ledger: str) -> Path:
        name = hashlib.sha256(ledger.encode()).hexdigest()[:12]
        return self.folder / f"ledger-{name}.seal"

    def _publish(self, key: Ed25519PrivateKey) -> None:
        path = self.folder / "proctor.pub.pem"
        pem = _public_pem(key)
        if not path.exists() or path.read_bytes() != pem:
            self._write(path, pem)

    def _write(self, path: Path, content: bytes) -> None:
        beside = path.with_name(f".{path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.rename(path)

    def _locked(self) -> AbstractContextManager[None]:
        return locked(self.folder / ".lock")


def _state(path: Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def _read_key(path: Path) -> Ed25519PrivateKey:
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except ValueError as error:
        raise LedgerError(f"{path}: is not a private key; restore it from your backup") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise LedgerError(f"{path}: is not an Ed25519 key; restore it from your backup")
    return key
