"""Revocations: the issuer's list, and every way to show another one."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from web.credentials import Fault, Refused, Status
from web.credentials.keys import encode_base64url
from web.credentials.status import BITS, encode_list, read_bit

if TYPE_CHECKING:
    from tests.web.credentials.conftest import Mint

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
INDEX = 94_567


def test_a_revoked_badge_is_not_valid_and_its_neighbours_are(mint: Mint) -> None:
    badge, before, after = (mint.badge(status_index=INDEX + n) for n in (0, -1, 1))
    mint.revoked.append(INDEX)

    assert mint.verify(badge).faults == {Fault.REVOKED}
    assert mint.verify(badge).status is Status.REVOKED
    assert mint.verify(before).valid
    assert mint.verify(after).valid


def test_an_old_list_shown_again_is_refused(mint: Mint) -> None:
    badge = mint.badge()
    old = mint.list_at(mint.list_url)
    mint.revoked.append(INDEX)
    later = NOW + timedelta(hours=2)

    verdict = mint.verify(badge, lists=lambda url: old, now=later)

    assert verdict.faults == {Fault.STATUS_STALE}
    assert verdict.status is Status.UNCHECKED


def test_a_list_without_an_end_is_refused(mint: Mint) -> None:
    endless = mint.list_at(mint.list_url, validUntil=None)

    assert mint.verify(mint.badge(), lists=lambda url: endless).faults == {Fault.STATUS_STALE}


def test_a_list_signed_by_another_key_is_refused(mint: Mint, other_mint: Mint) -> None:
    forged = other_mint.list_at(mint.list_url)

    assert mint.verify(mint.badge(), lists=lambda url: forged).faults == {Fault.STATUS_INVALID}


def test_an_unsigned_list_is_refused(mint: Mint) -> None:
    _, payload, _ = mint.list_at(mint.list_url).split(".")
    header = encode_base64url(b'{"alg":"none"}')
    unsigned = f"{header}.{payload}."

    assert mint.verify(mint.badge(), lists=lambda url: unsigned).faults == {Fault.STATUS_INVALID}


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "https://labs.example.org/services/web/status/2"},
        {"issuer": "did:web:evil.example"},
        {"iss": "did:web:evil.example"},
        {"type": ["VerifiableCredential", "OpenBadgeCredential"]},
        {"validFrom": "2031-01-01T00:00:00Z"},
        {"credentialSubject": {"statusPurpose": "suspension", "encodedList": encode_list([])}},
        {"credentialSubject": {"statusPurpose": "revocation", "encodedList": "u"}},
        {"credentialSubject": {"statusPurpose": "revocation", "encodedList": "!"}},
        {"credentialSubject": {}},
    ],
)
def test_a_list_that_is_not_the_one_asked_for_is_refused(
    mint: Mint, changes: dict[str, Any]
) -> None:
    other = mint.list_at(mint.list_url, **changes)

    assert mint.verify(mint.badge(), lists=lambda url: other).faults == {Fault.STATUS_INVALID}


def test_a_badge_is_no_list(mint: Mint) -> None:
    badge = mint.badge()

    assert mint.verify(badge, lists=lambda url: badge).faults == {Fault.STATUS_INVALID}


def test_a_list_is_no_badge(mint: Mint) -> None:
    assert Fault.CLAIMS in mint.verify(mint.list_at(mint.list_url)).faults


@pytest.mark.parametrize("answer", ["", "<html>", "eyJ"])
def test_an_answer_that_is_no_token_is_refused(mint: Mint, answer: str) -> None:
    assert mint.verify(mint.badge(), lists=lambda url: answer).faults == {Fault.STATUS_INVALID}


def test_a_list_nobody_can_fetch_fails_the_badge(mint: Mint) -> None:
    def down(url: str) -> str:
        raise Refused(Fault.STATUS_UNAVAILABLE, "labs.example.org does not answer")

    assert mint.verify(mint.badge(), lists=down).faults == {Fault.STATUS_UNAVAILABLE}


@pytest.mark.parametrize(
    "entry",
    [
        {"statusListIndex": "-1"},
        {"statusListIndex": 7},
        {"statusListIndex": str(BITS)},
        {"statusListIndex": "9" * 5000},
        {"statusListIndex": "٣"},
        {"statusSize": 2},
        {"type": "StatusList2021Entry"},
        {"statusListCredential": ""},
        {"statusPurpose": ""},
    ],
)
def test_an_entry_that_nobody_can_read_fails_the_badge(mint: Mint, entry: dict[str, Any]) -> None:
    payload = mint.credential().payload()
    payload["credentialStatus"] |= entry

    assert mint.verify(mint.signed(payload)).faults == {Fault.STATUS_INVALID}


def test_one_of_several_entries_is_enough_to_revoke(mint: Mint) -> None:
    payload = mint.credential().payload()
    first = payload["credentialStatus"]
    payload["credentialStatus"] = [{**first, "statusListIndex": "3"}, first]
    mint.revoked.append(INDEX)

    assert mint.verify(mint.signed(payload)).status is Status.REVOKED


def test_offline_says_that_nobody_looked(mint: Mint) -> None:
    from web.credentials import PinnedKey, read_token, verify_badge

    mint.revoked.append(INDEX)

    verdict = verify_badge(read_token(mint.badge()), PinnedKey(mint.key.public), None, NOW)

    assert verdict.valid
    assert verdict.status is Status.UNCHECKED


@pytest.mark.parametrize("index", [0, 1, 7, 8, 9, BITS - 1])
def test_each_index_is_a_bit_of_its_own(index: int) -> None:
    encoded = encode_list([index])

    assert read_bit(encoded, index)
    assert not read_bit(encoded, (index + 1) % BITS)
    assert not read_bit(encoded, (index - 1) % BITS)


def _packed(data: bytes) -> str:
    return "u" + encode_base64url(data)


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(lambda: _packed(gzip.compress(bytes(100))), id="too short"),
        pytest.param(lambda: _packed(gzip.compress(bytes(64 * 2**20))), id="a bomb"),
        pytest.param(lambda: _packed(gzip.compress(bytes(BITS // 8))[:-9]), id="cut off"),
        pytest.param(lambda: _packed(b"not gzip"), id="not packed"),
        pytest.param(lambda: "z" + encode_list([])[1:], id="another base"),
    ],
)
def test_a_list_that_cannot_be_unpacked_is_refused(encoded: Callable[[], str]) -> None:
    with pytest.raises(ValueError, match="the list"):
        read_bit(encoded(), 0)
