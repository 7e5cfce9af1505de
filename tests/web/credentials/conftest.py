"""An issuer with a key of its own, and a badge to take apart."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from web.credentials import (
    Achievement,
    Alignment,
    Credential,
    GradedLab,
    Issuer,
    IssuerKey,
    PinnedKey,
    Recipient,
    Token,
    Trust,
    Verdict,
    ensure_issuer_key,
    read_token,
    verify_badge,
)
from web.credentials.did import did_of, key_url
from web.credentials.status import status_list
from web.credentials.token import sign

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
URL = "https://labs.example.org/services/web"
LAB = GradedLab(
    slug="claim-a-gpu",
    title="Claim a GPU",
    version="1.0.0",
    attempt="0f" * 16,
    seed=4711,
    kubernetes="v1.37.2",
    provider="embedded",
    assurance="practice",
    points=60,
    tasks=("read-slices", "claim", "repair"),
    done_at="2027-03-01T11:40:00Z",
    reports=("ab" * 32, "cd" * 32),
)


@dataclass
class Mint:
    """Makes badges and status lists, good and bad."""

    key: IssuerKey
    url: str = URL
    revoked: list[int] = field(default_factory=list)

    @property
    def did(self) -> str:
        return did_of(self.url)

    @property
    def kid(self) -> str:
        return key_url(self.did, self.key.public)

    @property
    def list_url(self) -> str:
        return f"{self.url}/status/1"

    def credential(self, **changes: Any) -> Credential:
        achievement = Achievement(
            url=f"{self.url}/paths/devices",
            path="devices",
            name="Devices on the API",
            level="Foundation",
            description="Claims accelerators.",
            criteria="Every task of every lab.",
            image=f"{self.url}/paths/devices.svg",
            points=60,
            alignment=(Alignment("Platform APIs", "CNPE", "P", "https://example.org/p"),),
        )
        whole = Credential(
            url=f"{self.url}/badges/{'1a' * 16}",
            subject="urn:uuid:5b1e3d3e-32a4-4d57-a7fb-c4d3a1b6f0aa",
            issuer=Issuer(self.did, "Example Labs", self.url),
            achievement=achievement,
            recipient=Recipient.of("alice", "00112233445566778899aabbccddeeff"),
            labs=(LAB,),
            assurance="practice",
            issued_at=NOW - timedelta(days=1),
            expires_at=None,
            status_list=self.list_url,
            status_index=94_567,
        )
        return replace(whole, **changes)

    def badge(self, **changes: Any) -> str:
        """Return the VC-JWT of a credential."""
        return self.signed(self.credential(**changes).payload())

    def signed(self, payload: dict[str, Any]) -> str:
        return sign(payload, self.key, self.kid)

    def list_at(self, url: str, begin: datetime = NOW, **changes: Any) -> str:
        """Return the signed status list."""
        payload = status_list(self.did, url, self.revoked, begin, begin + timedelta(hours=1))
        return self.signed({**payload, **changes})

    def verify(
        self,
        badge: str | Token,
        *,
        trust: Trust | None = None,
        lists: Callable[[str], str] | None = None,
        now: datetime = NOW,
        learner: str | None = None,
    ) -> Verdict:
        token = read_token(badge) if isinstance(badge, str) else badge
        trusted = trust or PinnedKey(self.key.public)
        return verify_badge(token, trusted, lists or self.list_at, now, learner)


@pytest.fixture
def mint(tmp_path: Path) -> Mint:
    return Mint(ensure_issuer_key(tmp_path / "keys" / "issuer.pem"))


@pytest.fixture
def other_mint(tmp_path: Path) -> Mint:
    """An issuer of the same name with another key."""
    return Mint(ensure_issuer_key(tmp_path / "other" / "issuer.pem"))


@pytest.fixture
def segment() -> Callable[[object], str]:
    """Return a function that encodes a part of a JWT."""

    def encode(document: object) -> str:
        data = document if isinstance(document, bytes) else json.dumps(document).encode()
        return base64.urlsafe_b64encode(data).decode().rstrip("=")

    return encode
