"""did:web: the issuer's name, and the document that says which keys are the issuer's.

Source: https://w3c-ccg.github.io/did-method-web/. `http://` is read as did:web only for loopback
addresses, so that an installation on one machine can be verified on that machine.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote, unquote, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clusters.errors import InputInvalid
from web.credentials.keys import key_from_jwk, public_jwk, thumbprint

_HOST = re.compile(r"^[A-Za-z0-9.-]+(:[0-9]{1,5})?$")
_SEGMENT = re.compile(r"^[A-Za-z0-9._~-]+$")
_LOOPBACK = ("127.0.0.1", "localhost")


def did_of(url: str) -> str:
    """Return the did:web of the issuer whose document lies at `<url>/did.json`.

    Raises:
        InputInvalid: the address cannot be a did:web.
    """
    parts = urlsplit(url)
    host = parts.netloc
    segments = [segment for segment in parts.path.split("/") if segment]
    fine = _HOST.match(host) and all(map(_SEGMENT.match, segments)) and ".." not in segments
    if not fine or parts.query or parts.fragment:
        raise InputInvalid([f"{url}: cannot name an issuer; give scheme, host, port and path only"])
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(url)):
        raise InputInvalid([f"{url}: an issuer needs https, except on this machine"])
    return "did:web:" + ":".join([quote(host, safe=""), *segments])


def document_url(did: str) -> str:
    """Return where the document of a did:web lies.

    Raises:
        ValueError: not a did:web that may be looked up.
    """
    if not did.startswith("did:web:"):
        raise ValueError("the issuer is not named by did:web")
    host, *segments = (unquote(part) for part in did.removeprefix("did:web:").split(":"))
    if not _HOST.match(host) or not all(map(_SEGMENT.match, segments)) or ".." in segments:
        raise ValueError("the issuer's did:web is not well formed")
    path = "/".join(segments) if segments else ".well-known"
    scheme = "http" if is_loopback(f"//{host}") else "https"
    return f"{scheme}://{host}/{path}/did.json"


def is_loopback(url: str) -> bool:
    """Return whether the host of an address is this machine."""
    return urlsplit(url).hostname in _LOOPBACK


def key_url(did: str, key: Ed25519PublicKey) -> str:
    """Return the DID URL of a key, the `kid` of what it signs."""
    return f"{did}#{thumbprint(key)}"


def did_document(did: str, key: Ed25519PublicKey) -> dict[str, Any]:
    """Return the document that publishes the issuer's key (DID Core 1.0, JsonWebKey)."""
    name = key_url(did, key)
    method = {
        "id": name,
        "type": "JsonWebKey",
        "controller": did,
        "publicKeyJwk": {**public_jwk(key), "alg": "EdDSA", "use": "sig"},
    }
    return {
        "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
        "id": did,
        "verificationMethod": [method],
        "assertionMethod": [name],
    }


def find_key(document: object, did: str, kid: str | None) -> Ed25519PublicKey:
    """Return the key of an issuer's document that a `kid` names.

    Without a `kid` the document must hold one key only: guessing would let a retired key sign.

    Raises:
        LookupError: the document is another issuer's, or has no such key for assertions.
    """
    if not isinstance(document, dict) or document.get("id") != did:
        raise LookupError(f"the document is not that of {did}")
    keys = _assertion_keys(document, did)
    if kid is None and len(keys) != 1:
        raise LookupError("the badge does not say which of the issuer's keys signed it")
    method = keys.get(_identifier(kid, did)) if kid is not None else next(iter(keys.values()))
    if method is None:
        raise LookupError("the issuer has no such key")
    try:
        return key_from_jwk(method.get("publicKeyJwk"))
    except ValueError as error:
        raise LookupError("the issuer's key is not an Ed25519 key") from error


def _assertion_keys(document: dict[str, Any], did: str) -> dict[str, dict[str, Any]]:
    """Return the issuer's own keys that may sign credentials, by their DID URL."""
    allowed = _entries(document, "assertionMethod")
    names = {_identifier(entry, did) for entry in allowed}
    methods = [*_entries(document, "verificationMethod"), *allowed]
    return {
        name: method
        for method in methods
        if isinstance(method, dict)
        and (name := _identifier(method, did)) in names
        and name.startswith(f"{did}#")
    }


def _entries(document: dict[str, Any], member: str) -> list[Any]:
    value = document.get(member)
    return value if isinstance(value, list) else []


def _identifier(entry: object, did: str) -> str:
    """Return the absolute DID URL of a key, or of a reference to one."""
    name = entry.get("id") if isinstance(entry, dict) else entry
    if not isinstance(name, str):
        return ""
    return did + name if name.startswith("#") else name
