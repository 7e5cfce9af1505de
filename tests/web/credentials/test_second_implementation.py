"""openbadgeslib, a second implementation that must agree: it reads ours, we read what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from openbadgeslib import ob3

from web.credentials import (
    Face,
    Fault,
    PinnedKey,
    Status,
    bake,
    draw,
    read_badge,
    read_token,
    verify_badge,
)
from web.credentials.did import did_document
from web.credentials.status import encode_list, read_bit

if TYPE_CHECKING:
    from tests.web.credentials.conftest import Mint

FACE = Face("Devices on the API", "Foundation", "Example Labs", "2027-03-01", "practice")
THEIR_DID = "did:web:badges.example.org"
THEIR_LIST = "https://badges.example.org/revocation.jwt"


@pytest.fixture
def now() -> datetime:
    """Its verifier reads the clock of this machine, so these badges are of today."""
    return datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def badge(mint: Mint, now: datetime) -> str:
    return mint.badge(issued_at=now - timedelta(days=1), status_index=77)


@pytest.fixture
def site(mint: Mint, now: datetime) -> Callable[[str], bytes]:
    """What our site serves: the DID document and the list of revocations."""
    documents = {
        f"{mint.url}/did.json": lambda: json.dumps(did_document(mint.did, mint.key.public)),
        mint.list_url: lambda: mint.list_at(mint.list_url, now),
    }
    return lambda url: documents[url]().encode()


def test_it_verifies_our_badge_by_did_web_with_the_list_of_revocations(
    mint: Mint, badge: str, site: Callable[[str], bytes]
) -> None:
    verifier = ob3.OB3Verifier.for_issuer_did(mint.did, download=site)

    read = verifier.verify(badge, check_status=True, download=site)

    assert read.issuer.id == mint.did
    assert read.achievement.name == "Devices on the API, Foundation"
    assert [result.value for result in read.results] == ["60"]
    assert read.identifiers[0].identity_hash.startswith("sha256$")
    assert read.achievement.alignments[0].target_code == "P"
    assert [evidence.name for evidence in read.evidence] == ["Claim a GPU"]


def test_it_verifies_our_badge_by_the_key_alone(mint: Mint, badge: str) -> None:
    assert ob3.OB3Verifier(mint.key.public_pem()).verify(badge).id == mint.credential().url


def test_it_refuses_our_badge_when_we_revoked_it(
    mint: Mint, badge: str, site: Callable[[str], bytes]
) -> None:
    verifier = ob3.OB3Verifier.for_issuer_did(mint.did, download=site)
    mint.revoked.append(77)

    with pytest.raises(ob3.OB3VerificationError, match="revocation"):
        verifier.verify(badge, check_status=True, download=site)


def test_both_refuse_our_badge_when_it_was_changed(mint: Mint, badge: str) -> None:
    header, payload, signature = badge.split(".")
    changed = f"{header}.{payload[:-20]}{'A' if payload[-20] != 'A' else 'B'}{payload[-19:]}"
    changed = f"{changed}.{signature}"

    with pytest.raises(ob3.OB3VerificationError):
        ob3.OB3Verifier(mint.key.public_pem()).verify(changed)
    assert mint.verify(changed, now=datetime.now(UTC)).faults == {Fault.SIGNATURE}


def test_it_finds_the_credential_in_our_picture(badge: str) -> None:
    svg = bake(draw(FACE), badge)

    assert ob3.OB3Verifier.extract_token_from_svg(svg.encode()) == badge


def test_it_recognises_the_learner_by_the_salted_hash(badge: str) -> None:
    subject = read_token(badge).payload["credentialSubject"]
    ours = subject["identifier"][0]

    assert ob3.IdentityObject.create("alice", ours["salt"]).identity_hash == ours["identityHash"]


def test_it_reads_the_bits_of_our_list_and_we_of_its() -> None:
    indexes = {0, 5, 4096, 131_071}

    assert ob3.set_indices(ob3.decode_encoded_list(encode_list(indexes))) == indexes
    assert all(read_bit(ob3.encode_bitstring(indexes), index) for index in indexes)
    assert not read_bit(ob3.encode_bitstring(indexes), 6)


class TheirIssuer:
    """An issuer that uses openbadgeslib."""

    def __init__(self) -> None:
        self.private = Ed25519PrivateKey.generate()
        self.pem = self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.signer = ob3.OB3Signer(self.pem, algorithm="EdDSA")

    def credential(self) -> ob3.OpenBadgeCredential:
        return ob3.OpenBadgeCredential(
            issuer=ob3.Issuer(id=THEIR_DID, name="Their school"),
            recipient_id="mailto:alice@example.org",
            achievement=ob3.Achievement(
                id="https://badges.example.org/swim",
                name="Swimmer",
                description="Swims.",
                criteria_narrative="Swim.",
            ),
            issuance_date=datetime.now(UTC) - timedelta(days=1),
            expiration_date=datetime.now(UTC) + timedelta(days=30),
            credential_status=[ob3.status_entry(THEIR_LIST, "revocation", 4711)],
        )

    def list_with(self, indexes: set[int]) -> str:
        document = ob3.build_status_list_credential(
            THEIR_DID,
            THEIR_LIST,
            "revocation",
            indexes,
            valid_until=datetime.now(UTC) + timedelta(hours=1),
        )
        return str(ob3.sign_status_list_credential(document, self.pem, "EdDSA"))


def test_we_verify_its_badge_with_its_list() -> None:
    theirs = TheirIssuer()
    token = read_token(theirs.signer.sign(theirs.credential()))
    trust = PinnedKey(theirs.private.public_key())

    verdict = verify_badge(
        token, trust, lambda url: theirs.list_with({1}), datetime.now(UTC), "alice@example.org"
    )

    assert verdict.valid, verdict.problems
    assert verdict.status is Status.GOOD
    assert verdict.claims.title == "Swimmer"


def test_we_see_that_it_revoked_its_badge() -> None:
    theirs = TheirIssuer()
    token = read_token(theirs.signer.sign(theirs.credential()))

    verdict = verify_badge(
        token,
        PinnedKey(theirs.private.public_key()),
        lambda url: theirs.list_with({4711}),
        datetime.now(UTC),
    )

    assert verdict.faults == {Fault.REVOKED}


def test_both_refuse_its_badge_when_it_was_changed() -> None:
    theirs = TheirIssuer()
    header, payload, signature = theirs.signer.sign(theirs.credential()).split(".")
    changed = (
        f"{header}.{payload[:-8]}{'A' if payload[-8] != 'A' else 'B'}{payload[-7:]}.{signature}"
    )

    with pytest.raises(ob3.OB3VerificationError):
        ob3.OB3Verifier(theirs.private.public_key()).verify(changed)
    trust = PinnedKey(theirs.private.public_key())
    verdict = verify_badge(read_token(changed), trust, None, datetime.now(UTC))
    assert verdict.faults == {Fault.SIGNATURE}


def test_we_find_the_credential_in_its_picture() -> None:
    theirs = TheirIssuer()
    picture = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4"/></svg>'
    svg = theirs.signer.sign_into_svg(theirs.credential(), picture)

    token = read_badge(svg)

    assert token.issuer == THEIR_DID
    assert token.signed_by(theirs.private.public_key())
