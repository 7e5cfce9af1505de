"""Trust: where the key comes from that a badge is verified with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from web.credentials.did import find_key
from web.credentials.keys import thumbprint
from web.credentials.token import ALGORITHM, Token
from web.credentials.verdict import Fault, Refused


class Trust(Protocol):
    """Who says which keys are an issuer's."""

    def key(self, issuer: str, kid: str | None) -> Ed25519PublicKey:
        """Return the issuer's key that a badge names.

        Raises:
            Refused: it is not that issuer's, or cannot be had.
        """
        ...


@dataclass(frozen=True)
class PinnedKey:
    """One key, known beforehand: the verifier vouches that it is the issuer's."""

    public: Ed25519PublicKey

    def key(self, issuer: str, kid: str | None) -> Ed25519PublicKey:
        """Return the key, unless the badge names another one."""
        fragment = (kid or "").rpartition("#")[2]
        # Thumbprints have 43 letters; other names say nothing about which key it is.
        if len(fragment) == 43 and fragment != thumbprint(self.public):
            raise Refused(Fault.UNKNOWN_KEY, "It was signed with another key than the one given")
        return self.public


@dataclass(frozen=True)
class PinnedDocument:
    """The issuer's DID document, known beforehand."""

    document: object

    def key(self, issuer: str, kid: str | None) -> Ed25519PublicKey:
        """Return the key that the document has under this name."""
        named = self.document.get("id") if isinstance(self.document, dict) else None
        if named != issuer:
            raise Refused(
                Fault.ISSUER, f"Its issuer is {issuer or 'not named'}, but the keys are {named}'s"
            )
        try:
            return find_key(self.document, issuer, kid)
        except LookupError as error:
            raise Refused(Fault.UNKNOWN_KEY, _sentence(error)) from error


@dataclass
class ResolvedDocument:
    """The issuer's DID document, fetched from where its did:web says, once per issuer."""

    fetch: Callable[[str], object]
    """Returns the document of a DID; raises `Refused`."""

    def __post_init__(self) -> None:
        self._known: dict[str, object] = {}

    def key(self, issuer: str, kid: str | None) -> Ed25519PublicKey:
        """Return the key that the issuer publishes under this name."""
        if issuer not in self._known:
            self._known[issuer] = self.fetch(issuer)
        return PinnedDocument(self._known[issuer]).key(issuer, kid)


def authenticate(token: Token, trust: Trust) -> None:
    """Return only if a key of the token's issuer signed exactly these bytes.

    Raises:
        Refused: with the reason.
    """
    if token.algorithm != ALGORITHM:
        raise Refused(
            Fault.ALGORITHM,
            f"It names the algorithm {str(token.algorithm)[:20]!r}; only {ALGORITHM} counts",
        )
    if not token.signed_by(trust.key(token.issuer, token.kid)):
        raise Refused(
            Fault.SIGNATURE, "It was changed after it was signed, or its signature was made up"
        )


def _sentence(error: LookupError) -> str:
    text = str(error)
    return f"{text[0].upper()}{text[1:]}"
