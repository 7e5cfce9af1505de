"""Issuer: this installation as somebody who signs badges: its key, its address, its name.

The address is part of the issuer's identity (did:web) and of every credential, so it should be
final before the first badge that matters: `ASSAY_PUBLIC_URL`. Without it, it is the address at
which the site was last started.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from clusters.home import home
from web.credentials.did import did_document, did_of, key_url
from web.credentials.document import Issuer
from web.credentials.keys import IssuerKey, ensure_issuer_key
from web.credentials.status import status_list
from web.credentials.token import sign

DEFAULT_ADDRESS = "http://127.0.0.1:8000"
SITE_PREFIX = "/services/web"
LIST_LIFETIME = timedelta(hours=1)
"""For so long a revocation can be hidden from somebody by showing an older list."""
_ADDRESS_FILE = "address"


@dataclass(frozen=True)
class LocalIssuer:
    """This installation as an issuer."""

    key: IssuerKey
    url: str
    """Public address of the site, without a slash at the end."""
    name: str

    @property
    def did(self) -> str:
        """The issuer's identity."""
        return did_of(self.url)

    @property
    def profile(self) -> Issuer:
        """What credentials say about the issuer."""
        return Issuer(self.did, self.name, self.url)

    def document(self) -> dict[str, Any]:
        """Return the DID document, served as `did.json`."""
        return did_document(self.did, self.key.public)

    def sign(self, payload: dict[str, Any]) -> str:
        """Return a payload as a VC-JWT in the issuer's name."""
        return sign(payload, self.key, key_url(payload["iss"], self.key.public))

    def badge_url(self, award: str) -> str:
        """Return the public page of an award, which is also the credential's identity."""
        return f"{self.url}/badges/{award}"

    def path_url(self, path: str) -> str:
        """Return the public page of a path, which is also the achievement's identity."""
        return f"{self.url}/paths/{path}"

    def list_url(self, number: int) -> str:
        """Return the address of a status list."""
        return f"{self.url}/status/{number}"

    def signed_list(
        self, url: str, revoked: list[int], now: datetime, issuer: str | None = None
    ) -> str:
        """Return a status list as of now.

        Args:
            url: its address, as credentials name it.
            revoked: indexes of the revoked credentials.
            now: the current time.
            issuer: DID to sign for, this issuer's by default; another when the installation has
                moved and an old credential is verified.
        """
        return self.sign(status_list(issuer or self.did, url, revoked, now, now + LIST_LIFETIME))


def issuer_key_path() -> Path:
    """Return the file of the issuer's private key."""
    return home() / "keys" / "issuer.pem"


def open_issuer(environment: Mapping[str, str] | None = None) -> LocalIssuer:
    """Return this installation as an issuer; its key is made at first use.

    Args:
        environment: where `ASSAY_PUBLIC_URL` and `ASSAY_ISSUER_NAME` are looked up; the variables
            of this process by default.

    Raises:
        InputInvalid: the address cannot name an issuer.
        AssayError: the key file is not a key.
    """
    variables = os.environ if environment is None else environment
    hub = variables.get("ASSAY_PUBLIC_URL") or last_address()
    prefix = variables.get("JUPYTERHUB_SERVICE_PREFIX") or SITE_PREFIX
    return issuer_at(hub, prefix, variables.get("ASSAY_ISSUER_NAME", ""))


def issuer_at(hub: str, prefix: str, name: str = "") -> LocalIssuer:
    """Return this installation as an issuer at an address.

    Args:
        hub: scheme, host and port where people find the platform.
        prefix: path of the site there.
        name: what people call the issuer; by default it is made from the address.

    Raises:
        InputInvalid: the address cannot name an issuer.
        AssayError: the key file is not a key.
    """
    url = f"{hub.rstrip('/')}/{prefix.strip('/')}"
    did_of(url)
    named = name or f"Assay at {urlsplit(url).netloc}"
    return LocalIssuer(ensure_issuer_key(issuer_key_path()), url, named)


def last_address() -> str:
    """Return where the site was last started, for commands that run beside it."""
    try:
        return (home() / "keys" / _ADDRESS_FILE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return DEFAULT_ADDRESS


def remember_address(address: str) -> None:
    """Note where the site is started."""
    folder = home() / "keys"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = folder / f".{_ADDRESS_FILE}.{secrets.token_hex(8)}"
    draft.write_text(f"{address}\n", encoding="utf-8")
    draft.replace(folder / _ADDRESS_FILE)
