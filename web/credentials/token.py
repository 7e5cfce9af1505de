"""VC-JWT: a credential as the payload of a compact JWS, signed with EdDSA.

Open Badges 3.0, section 8.2: the payload is the credential itself beside the registered claims,
`typ` is `JWT` where present, and no header but alg, kid, jwk and typ is allowed. (VC-JOSE-COSE
recommends `vc+jwt`; Open Badges wins, or its validators refuse the badge.) A `jwk` in a header is
never trusted: whoever forged the badge wrote it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from clusters.errors import InputInvalid
from web.credentials.keys import IssuerKey, decode_base64url

ALGORITHM = "EdDSA"
LIMIT = 256 * 1024
"""Bytes. A badge of a path with ten labs is below 20 KiB; a status list is below 64 KiB."""
NOT_A_BADGE = "This is not a badge: neither a baked SVG nor a VC-JWT"
_INCOMPLETE = "The VC-JWT is cut off or damaged: copy it again, from `ey` to its last letter"
_SIGNATURE_LETTERS = 86
"""An Ed25519 signature in base64url."""
_DEPTH = 32
"""Levels of JSON; a credential has about eight, and a deeper one is meant to hurt its reader."""


@dataclass(frozen=True)
class Token:
    """A VC-JWT taken apart; nothing in it is to be believed before `signed_by` says yes."""

    text: str
    header: dict[str, Any]
    payload: dict[str, Any]

    @property
    def algorithm(self) -> object:
        """What the header claims; never used to choose how to verify."""
        return self.header.get("alg")

    @property
    def kid(self) -> str | None:
        """The name of the key, as claimed."""
        kid = self.header.get("kid")
        return kid if isinstance(kid, str) else None

    @property
    def issuer(self) -> str:
        """Who is claimed to have signed it."""
        named = text_of(self.payload.get("iss")) or identifier_of(self.payload.get("issuer"))
        return named or (self.kid or "").partition("#")[0]

    def signed_by(self, key: Ed25519PublicKey) -> bool:
        """Return whether this key signed exactly these bytes, with EdDSA and nothing else."""
        try:
            jwt.PyJWS().decode_complete(self.text, key, algorithms=[ALGORITHM])
        except (jwt.PyJWTError, ValueError):
            return False
        return True


def sign(payload: dict[str, Any], key: IssuerKey, kid: str) -> str:
    """Return a payload as a VC-JWT."""
    return jwt.encode(payload, key.private, ALGORITHM, headers={"typ": "JWT", "kid": kid})


def read_token(text: str) -> Token:
    """Take a VC-JWT apart.

    A payload that is no credential is left empty: what matters is that nobody signed it.

    Raises:
        InputInvalid: it is not one, or only a part of one.
    """
    text = text.strip()
    if len(text) > LIMIT:
        raise InputInvalid(["The badge is larger than a badge can be"])
    if not text.startswith("ey"):
        raise InputInvalid([NOT_A_BADGE])
    parts = text.split(".")
    header = _read_json(parts[0])
    if len(parts) != 3 or header is None or not parts[1]:
        raise InputInvalid([_INCOMPLETE])
    if header.get("alg") == ALGORITHM and len(parts[2]) < _SIGNATURE_LETTERS:
        raise InputInvalid([_INCOMPLETE])
    return Token(text, header, _read_json(parts[1]) or {})


def text_of(value: object) -> str:
    """Return a value if it is text, else nothing."""
    return value if isinstance(value, str) else ""


def identifier_of(value: object) -> str:
    """Return the identifier of a node that may be an object, a list of one, or only its name."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    return text_of(value.get("id") if isinstance(value, dict) else value)


def _read_json(part: str) -> dict[str, Any] | None:
    try:
        document = json.loads(decode_base64url(part), parse_constant=_refuse)
        # Half a surrogate pair is JSON, but can be neither printed nor stored.
        json.dumps(document, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return None
    if not isinstance(document, dict) or _deeper_than(document, _DEPTH):
        return None
    return document


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _deeper_than(document: object, levels: int) -> bool:
    layer = [document]
    for _ in range(levels):
        layer = [child for node in layer for child in _children(node)]
        if not layer:
            return False
    return True


def _children(node: object) -> list[Any]:
    if isinstance(node, dict):
        return list(node.values())
    return node if isinstance(node, list) else []
