"""The site's secret: what signs its cookies and seals the hub's tokens in the database."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from clusters.home import home

_BYTES = 32


def site_secret(folder: Path | None = None) -> bytes:
    """Return the secret in `keys/web.secret`, made at first use; every worker gets the same.

    It outlives restarts, so that nobody is signed out by one.

    Args:
        folder: the folder of the keys, that of this installation by default.
    """
    path = (folder or home() / "keys") / "web.secret"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.exists():
        _write_once(path, secrets.token_bytes(_BYTES))
    return path.read_bytes()


def seal_for(secret: bytes, purpose: str) -> Fernet:
    """Return a seal (encryption and signature) of its own for one purpose."""
    key = HKDF(SHA256(), _BYTES, salt=None, info=f"assay {purpose}".encode()).derive(secret)
    return Fernet(base64.urlsafe_b64encode(key))


def _write_once(path: Path, content: bytes) -> None:
    """Put a whole file in place, unless somebody else was first."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
