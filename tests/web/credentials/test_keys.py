"""The issuer's key: one, private, whoever makes it; and the names that follow from it."""

from __future__ import annotations

import multiprocessing
import os
import stat
from multiprocessing.queues import Queue
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from clusters.errors import AssayError, InputInvalid
from web.credentials import PinnedDocument, Refused, ensure_issuer_key, read_public_key
from web.credentials.did import did_document, did_of, document_url, find_key
from web.credentials.keys import decode_base64url, key_from_jwk, load_issuer_key, thumbprint


def _make(path: Path, names: Queue[str]) -> None:
    names.put(ensure_issuer_key(path).name)


def test_the_key_is_for_its_owner_only_and_its_public_half_lies_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "issuer.pem"

    key = ensure_issuer_key(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert read_public_key(tmp_path / "keys" / "issuer.pub.pem") == key.public
    assert sorted(os.listdir(path.parent)) == ["issuer.pem", "issuer.pub.pem"]


def test_several_processes_that_make_the_key_at_once_get_the_same(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    names: Queue[str] = context.Queue()
    path = tmp_path / "keys" / "issuer.pem"
    processes = [context.Process(target=_make, args=(path, names)) for _ in range(3)]

    for process in processes:
        process.start()
    found = {names.get(timeout=60) for _ in processes}
    for process in processes:
        process.join(60)

    assert found == {load_issuer_key(path).name}
    assert sorted(os.listdir(path.parent)) == ["issuer.pem", "issuer.pub.pem"]


def test_whoever_comes_second_never_replaces_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "keys" / "issuer.pem"
    first = ensure_issuer_key(path)

    # A process that looked before the first one had written.
    monkeypatch.setattr(Path, "exists", lambda self: False)

    assert ensure_issuer_key(path).name == first.name


def test_the_thumbprint_is_that_of_the_standard() -> None:
    """RFC 8037, appendix A.3."""
    public = decode_base64url("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo")

    name = thumbprint(Ed25519PublicKey.from_public_bytes(public))

    assert name == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_is_no_key_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "issuer.pem").write_bytes(content)

    with pytest.raises(AssayError, match=r"issuer\.pem: is not"):
        load_issuer_key(tmp_path / "issuer.pem")
    with pytest.raises(AssayError, match=r"issuer\.pem: is not"):
        read_public_key(tmp_path / "issuer.pem")


def test_a_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    public = generate_private_key(65537, 2048).public_key()
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "rsa.pem").write_bytes(pem)

    with pytest.raises(InputInvalid, match="not an Ed25519 key"):
        read_public_key(tmp_path / "rsa.pem")


@pytest.mark.parametrize(
    ("url", "did", "document"),
    [
        (
            "http://127.0.0.1:8000/services/web",
            "did:web:127.0.0.1%3A8000:services:web",
            "http://127.0.0.1:8000/services/web/did.json",
        ),
        (
            "https://labs.example.org/services/web/",
            "did:web:labs.example.org:services:web",
            "https://labs.example.org/services/web/did.json",
        ),
        (
            "https://labs.example.org:8443",
            "did:web:labs.example.org%3A8443",
            "https://labs.example.org:8443/.well-known/did.json",
        ),
    ],
)
def test_an_address_and_its_did_lead_to_each_other(url: str, did: str, document: str) -> None:
    assert did_of(url) == did
    assert document_url(did) == document


@pytest.mark.parametrize(
    "url",
    [
        "http://labs.example.org/services/web",
        "ftp://127.0.0.1/x",
        "labs.example.org",
        "https://user:secret@labs.example.org/",
        "https://labs.example.org/a?b=c",
        "https://labs.example.org/../x",
        "https:///x",
    ],
)
def test_an_address_that_can_name_no_issuer_is_refused(url: str) -> None:
    with pytest.raises(InputInvalid):
        did_of(url)


@pytest.mark.parametrize(
    "did",
    [
        "",
        "did:key:z6Mk",
        "did:web:",
        "did:web:labs.example.org:..:..:admin",
        "did:web:labs.example.org:a%2Fb",
        "did:web:user%40labs.example.org",
        "did:web:labs.example.org%2Fpath",
        "did:web:labs.example.org:a%3Fb",
        "did:web:[::1]",
    ],
)
def test_a_did_that_may_not_be_looked_up_is_refused(did: str) -> None:
    with pytest.raises(ValueError, match="did:web"):
        document_url(did)


def test_a_document_with_several_keys_needs_the_name_of_one(tmp_path: Path) -> None:
    did = "did:web:labs.example.org"
    old, new = (ensure_issuer_key(tmp_path / name / "issuer.pem") for name in ("old", "new"))
    document = did_document(did, old.public)
    for member in ("verificationMethod", "assertionMethod"):
        document[member] += did_document(did, new.public)[member]

    assert find_key(document, did, f"{did}#{old.name}") == old.public
    assert find_key(document, did, f"#{new.name}") == new.public
    with pytest.raises(LookupError, match="which of"):
        find_key(document, did, None)
    with pytest.raises(LookupError, match="not that of"):
        find_key(document, "did:web:other.example", f"{did}#{old.name}")


@pytest.mark.parametrize(
    "document", [None, [], "x", {}, {"id": "did:web:a"}, {"id": "did:web:a", "assertionMethod": 7}]
)
def test_a_document_that_is_none_has_no_key(document: object) -> None:
    with pytest.raises(Refused):
        PinnedDocument(document).key("did:web:a", "did:web:a#k")


@pytest.mark.parametrize(
    "jwk", [None, {}, {"kty": "OKP", "crv": "Ed25519"}, {"kty": "OKP", "crv": "Ed25519", "x": "AA"}]
)
def test_a_jwk_that_is_no_ed25519_key_is_refused(jwk: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        key_from_jwk(jwk)
