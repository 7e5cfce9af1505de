"""The issuer's key: Ed25519 (RFC 8032), kept in one private file, named by its thumbprint.

The thumbprint (RFC 7638, members of RFC 8037) is the fragment of the key's DID URL, so the name of
a key follows from the key and two processes cannot disagree about it.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from clusters.errors import AssayError, InputInvalid


def encode_base64url(data: bytes) -> str:
    """Return base64url without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(data).decode("ascii").rstrip("=")


def decode_base64url(text: str) -> bytes:
    """Return the bytes of base64url without padding.

    Raises:
        ValueError: not base64url.
    """
    padded = text + "=" * (-len(text) % 4)
    return base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True)


def public_jwk(key: Ed25519PublicKey) -> dict[str, str]:
    """Return a public key as a JWK (RFC 8037)."""
    raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": encode_base64url(raw)}


def key_from_jwk(jwk: object) -> Ed25519PublicKey:
    """Return the public key of a JWK.

    Raises:
        ValueError: not an Ed25519 public key.
    """
    if not isinstance(jwk, dict) or (jwk.get("kty"), jwk.get("crv")) != ("OKP", "Ed25519"):
        raise ValueError("not an Ed25519 key")
    if not isinstance(jwk.get("x"), str):
        raise ValueError("the key has no x")
    return Ed25519PublicKey.from_public_bytes(decode_base64url(jwk["x"]))


def thumbprint(key: Ed25519PublicKey) -> str:
    """Return the JWK thumbprint of a public key (RFC 7638, SHA-256)."""
    canonical = json.dumps(public_jwk(key), sort_keys=True, separators=(",", ":"))
    return encode_base64url(hashlib.sha256(canonical.encode()).digest())


@dataclass(frozen=True)
class IssuerKey:
    """The key that signs credentials and status lists."""

    private: Ed25519PrivateKey

    @property
    def public(self) -> Ed25519PublicKey:
        """What everybody may know."""
        return self.private.public_key()

    @property
    def name(self) -> str:
        """The thumbprint of the public key."""
        return thumbprint(self.public)

    def public_pem(self) -> bytes:
        """Return the public key as a PEM file, to hand to whoever verifies offline."""
        return self.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def load_issuer_key(path: Path) -> IssuerKey:
    """Read the issuer's private key.

    Raises:
        AssayError: the file is not one.
    """
    try:
        key = load_pem_private_key(path.read_bytes(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise AssayError(f"{path}: is not a private key in PEM form") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise AssayError(f"{path}: is not an Ed25519 key")
    return IssuerKey(key)


def ensure_issuer_key(path: Path) -> IssuerKey:
    """Read the issuer's key, making it first where there is none; the public key lies beside it.

    Several processes may do so at once: the first to link its file into place decides, and a
    process that dies in between leaves no half key behind.

    Args:
        path: for example `keys/issuer.pem`; gets mode 0600 in a folder of mode 0700.
    """
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        pem = Ed25519PrivateKey.generate().private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        )
        _write_once(path, pem, 0o600)
    key = load_issuer_key(path)
    public = path.with_suffix(".pub.pem")
    if not public.exists():
        _write_once(public, key.public_pem(), 0o644)
    return key


def read_public_key(path: Path) -> Ed25519PublicKey:
    """Read the key of an issuer from a PEM file, the public one or the private one.

    Raises:
        InputInvalid: the file is not one.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputInvalid([f"{path}: cannot be read: {error.strerror}"]) from error
    if b"PRIVATE KEY" in data:
        return load_issuer_key(path).public
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise InputInvalid([f"{path}: is not a public key in PEM form"]) from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputInvalid([f"{path}: is not an Ed25519 key"])
    return key


def _write_once(path: Path, data: bytes, mode: int) -> None:
    """Put a file into place whole, unless another process was first."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
