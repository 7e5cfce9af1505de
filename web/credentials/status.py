"""Bitstring Status List v1.0: one bit per credential, published as a signed credential.

Source: https://www.w3.org/TR/vc-bitstring-status-list/. Index 0 is the highest bit of the first
byte. A list without an end can be replayed after a revocation, so ours end and we accept no other.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from web.credentials.keys import decode_base64url, encode_base64url
from web.credentials.moments import timestamp

VC_CONTEXT = "https://www.w3.org/ns/credentials/v2"
"""Context of the VC Data Model 2.0."""
BITS = 131_072
"""The smallest list allowed: a badge hides among as many."""
REVOCATION = "revocation"
ENTRY_TYPE = "BitstringStatusListEntry"
LIST_TYPE = "BitstringStatusListCredential"
_MOST_BYTES = 4 * 1024 * 1024
"""A list that unpacks to more is an attack on whoever reads it."""


def encode_list(revoked: Iterable[int]) -> str:
    """Return an `encodedList`: the bits, compressed, in multibase base64url."""
    bits = bytearray(BITS // 8)
    for index in revoked:
        bits[index // 8] |= 0x80 >> index % 8
    # Without a time in it, the same list is the same text.
    return "u" + encode_base64url(gzip.compress(bytes(bits), mtime=0))


def read_bit(encoded: str, index: int) -> bool:
    """Return whether the bit of a credential is set.

    Raises:
        ValueError: not a list, shorter than allowed, or without this index.
    """
    if not encoded.startswith("u"):
        raise ValueError("the list is not in multibase base64url")
    inflate = zlib.decompressobj(wbits=31)
    try:
        bits = inflate.decompress(decode_base64url(encoded[1:]), _MOST_BYTES)
    except zlib.error as error:
        raise ValueError("the list cannot be unpacked") from error
    if not inflate.eof:
        raise ValueError("the list is cut off or too large")
    if len(bits) * 8 < BITS:
        raise ValueError("the list is shorter than the standard allows")
    if not 0 <= index < len(bits) * 8:
        raise ValueError("the list has no such entry")
    return bool(bits[index // 8] & 0x80 >> index % 8)


def status_entry(list_url: str, index: int) -> dict[str, str]:
    """Return the `credentialStatus` of a credential: where its bit is."""
    return {
        "id": f"{list_url}#{index}",
        "type": ENTRY_TYPE,
        "statusPurpose": REVOCATION,
        "statusListIndex": str(index),
        "statusListCredential": list_url,
    }


def status_list(
    issuer: str, list_url: str, revoked: Iterable[int], begin: datetime, end: datetime
) -> dict[str, Any]:
    """Return the payload of a status list credential, to be signed.

    Args:
        issuer: DID of the issuer, the same as that of the credentials.
        list_url: where it is published; credentials refer to it by this name.
        revoked: the indexes of revoked credentials.
        begin: when it was made.
        end: until when it may be believed.
    """
    return {
        "@context": [VC_CONTEXT],
        "id": list_url,
        "type": ["VerifiableCredential", LIST_TYPE],
        "issuer": issuer,
        "validFrom": timestamp(begin),
        "validUntil": timestamp(end),
        "credentialSubject": {
            "id": f"{list_url}#list",
            "type": "BitstringStatusList",
            "statusPurpose": REVOCATION,
            "encodedList": encode_list(revoked),
        },
        "iss": issuer,
        "jti": list_url,
        "sub": f"{list_url}#list",
        "nbf": int(begin.timestamp()),
        "exp": int(end.timestamp()),
    }
