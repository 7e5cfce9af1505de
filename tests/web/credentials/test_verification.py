"""What makes a badge valid, and everything that does not."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from clusters.errors import InputInvalid
from web.credentials import Fault, PinnedDocument, PinnedKey, Recipient, Status, read_token
from web.credentials.did import did_document
from web.credentials.document import OB_CONTEXT

if TYPE_CHECKING:
    from tests.web.credentials.conftest import Mint

Segment = Callable[[object], str]
NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)


def test_a_fresh_badge_is_valid(mint: Mint) -> None:
    verdict = mint.verify(mint.badge())

    assert verdict.valid, verdict.problems
    assert verdict.status is Status.GOOD
    assert verdict.claims.title == "Devices on the API, Foundation"


def test_a_badge_verifies_with_the_did_document_of_its_issuer(mint: Mint) -> None:
    document = json.loads(json.dumps(did_document(mint.did, mint.key.public)))

    assert mint.verify(mint.badge(), trust=PinnedDocument(document)).valid


def test_the_document_of_another_issuer_does_not_count(mint: Mint) -> None:
    document = did_document("did:web:evil.example", mint.key.public)

    verdict = mint.verify(mint.badge(), trust=PinnedDocument(document))

    assert verdict.faults == {Fault.ISSUER}


def test_a_key_that_the_issuer_only_uses_for_something_else_does_not_count(mint: Mint) -> None:
    document = {**did_document(mint.did, mint.key.public), "assertionMethod": []}

    verdict = mint.verify(mint.badge(), trust=PinnedDocument(document))

    assert verdict.faults == {Fault.UNKNOWN_KEY}


def test_another_key_is_named_as_the_reason(mint: Mint, other_mint: Mint) -> None:
    verdict = mint.verify(other_mint.badge(), trust=PinnedKey(mint.key.public))

    assert verdict.faults == {Fault.UNKNOWN_KEY}


def test_a_forger_who_borrows_the_name_of_the_key_is_refused(mint: Mint, other_mint: Mint) -> None:
    forged = jwt.encode(
        mint.credential().payload(), other_mint.key.private, "EdDSA", headers={"kid": mint.kid}
    )

    assert mint.verify(forged).faults == {Fault.SIGNATURE}


@pytest.mark.parametrize("algorithm", ["none", "None", "NONE", ""])
def test_an_unsigned_badge_is_refused(mint: Mint, segment: Segment, algorithm: str) -> None:
    header = {"alg": algorithm, "typ": "JWT", "kid": mint.kid}
    unsigned = f"{segment(header)}.{segment(mint.credential().payload())}."

    assert mint.verify(unsigned).faults == {Fault.ALGORITHM}


@pytest.mark.parametrize("secret", ["pem", "raw"])
def test_the_public_key_is_not_a_shared_secret(mint: Mint, segment: Segment, secret: str) -> None:
    raw = mint.key.public.public_bytes_raw()
    shared = mint.key.public_pem() if secret == "pem" else raw
    header = {"alg": "HS256", "typ": "JWT", "kid": mint.kid}
    signed = f"{segment(header)}.{segment(mint.credential().payload())}"
    signature = hmac.new(shared, signed.encode(), hashlib.sha256).digest()

    assert mint.verify(f"{signed}.{segment(signature)}").faults == {Fault.ALGORITHM}


def test_a_key_in_the_header_is_not_believed(mint: Mint, other_mint: Mint) -> None:
    public = {"kty": "OKP", "crv": "Ed25519", "x": _x(other_mint)}
    forged = jwt.encode(
        mint.credential().payload(), other_mint.key.private, "EdDSA", headers={"jwk": public}
    )

    assert mint.verify(forged).faults == {Fault.SIGNATURE}


def test_the_payload_of_one_badge_under_the_signature_of_another_is_refused(mint: Mint) -> None:
    mine, hers = mint.badge(), mint.badge(recipient=Recipient.of("bob", "salt"))
    header, _, signature = mine.split(".")
    swapped = f"{header}.{hers.split('.')[1]}.{signature}"

    assert mint.verify(swapped).faults == {Fault.SIGNATURE}


def test_every_changed_byte_is_noticed(mint: Mint) -> None:
    badge = mint.badge()
    first = badge.index(".") + 1

    for position in [*range(first, len(badge) - 1, 97), first + 43, badge.rindex(".") + 1]:
        if badge[position] == ".":
            continue
        changed = (
            badge[:position] + ("A" if badge[position] != "A" else "B") + badge[position + 1 :]
        )
        assert mint.verify(changed).faults == {Fault.SIGNATURE}, position


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("iss", "did:web:evil.example"),
        ("sub", "urn:uuid:00000000-0000-4000-8000-000000000000"),
        ("jti", "https://labs.example.org/services/web/badges/other"),
        ("nbf", 1),
        ("nbf", None),
        ("exp", 4102444800),
        ("validUntil", "2030-01-01T00:00:00Z"),
        ("validFrom", "yesterday"),
        ("@context", ["https://purl.imsglobal.org/spec/ob/v3p0/context-3.0.3.json"]),
        ("@context", ["https://evil.example/v2", OB_CONTEXT]),
        ("type", ["VerifiableCredential"]),
        ("type", "OpenBadgeCredential"),
        ("vc", {}),
    ],
)
def test_a_signed_badge_that_contradicts_itself_is_refused(
    mint: Mint, member: str, value: Any
) -> None:
    payload = {**mint.credential().payload(), member: value}
    trust = PinnedKey(mint.key.public)

    verdict = mint.verify(mint.signed(payload), trust=trust, lists=lambda url: mint.list_at(url))

    assert Fault.CLAIMS in verdict.faults


def test_an_expired_badge_says_when_it_expired(mint: Mint) -> None:
    badge = mint.badge(expires_at=NOW - timedelta(hours=1))

    verdict = mint.verify(badge)

    assert verdict.faults == {Fault.EXPIRED}
    assert "2027-03-01" in verdict.problems[0].message
    assert mint.verify(badge, now=NOW - timedelta(hours=2), lists=_list_before(mint)).valid


def test_a_badge_from_the_future_is_not_yet_valid(mint: Mint) -> None:
    verdict = mint.verify(mint.badge(issued_at=NOW + timedelta(days=2)))

    assert verdict.faults == {Fault.NOT_YET_VALID}


def test_every_reason_is_given_at_once(mint: Mint) -> None:
    mint.revoked.append(94_567)
    badge = mint.badge(expires_at=NOW - timedelta(days=1))

    verdict = mint.verify(badge, learner="bob")

    assert verdict.faults == {Fault.EXPIRED, Fault.REVOKED, Fault.SUBJECT}
    assert len(verdict.problems) == 3


def test_whoever_knows_the_name_can_check_it(mint: Mint) -> None:
    assert mint.verify(mint.badge(), learner="alice").valid
    assert mint.verify(mint.badge(), learner="bob").faults == {Fault.SUBJECT}


def test_the_name_and_nothing_like_it_stands_in_the_badge(mint: Mint) -> None:
    recipient = Recipient.of("alice.liddell@example.org", "0123456789abcdef")
    text = json.dumps(read_token(mint.badge(recipient=recipient)).payload)

    assert "alice" not in text
    assert "liddell" not in text
    assert "@example" not in text
    assert mint.verify(mint.badge(recipient=recipient), learner="alice.liddell@example.org").valid


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "ey",
        "eyJhbGciOiJFZERTQSJ9",
        "eyJhbGciOiJFZERTQSJ9.e30",
        "eyJhbGciOiJFZERTQSJ9..",
        "ey!!!.e30.x",
        "eyJhbGciOiJFZERTQSJ9.e30.AAAA",
        "ey" + "A" * 400_000 + ".e30.AAAA",
    ],
)
def test_what_is_not_a_whole_token_is_said_in_one_sentence(text: str) -> None:
    with pytest.raises(InputInvalid) as refusal:
        read_token(text)

    assert len(refusal.value.problems) == 1


def test_a_badge_that_was_cut_off_anywhere_is_never_valid(mint: Mint) -> None:
    badge = mint.badge()

    for length in range(0, len(badge), 61):
        with pytest.raises(InputInvalid):
            read_token(badge[:length])


@pytest.mark.parametrize(
    "payload",
    [b"[]", b"null", b"\xff\xfe", b"{" * 5000, b'{"a":NaN}', b'{"a":"\\ud800"}', b'{"n":1e999}'],
)
def test_a_payload_that_is_no_credential_is_not_valid(
    mint: Mint, segment: Segment, payload: bytes
) -> None:
    token = f"{segment({'alg': 'EdDSA', 'kid': mint.kid})}.{segment(payload)}.{'A' * 86}"

    assert mint.verify(token).faults == {Fault.SIGNATURE}


def test_a_payload_too_deep_for_its_reader_is_not_read(segment: Segment) -> None:
    deep: Any = "x"
    for _ in range(40):
        deep = [deep]

    token = read_token(f"{segment({'alg': 'EdDSA'})}.{segment({'a': deep})}.{'A' * 86}")

    assert token.payload == {}


def _x(mint: Mint) -> str:
    import base64

    return base64.urlsafe_b64encode(mint.key.public.public_bytes_raw()).decode().rstrip("=")


def _list_before(mint: Mint) -> Callable[[str], str]:
    return lambda url: mint.list_at(url, NOW - timedelta(hours=2))
