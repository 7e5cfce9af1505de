"""Credentials: an authority per cluster, and one key per identity."""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from clusters.providers.embedded.credentials import IDENTITIES, make_credentials

FILES = make_credentials("demo", 20001)


def certificate_of(identity: str) -> x509.Certificate:
    document = yaml.safe_load(FILES[f"{identity}.kubeconfig"])
    data = document["users"][0]["user"]["client-certificate-data"]
    return x509.load_pem_x509_certificate(base64.b64decode(data))


def names(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(part.value) for part in certificate.subject.get_attributes_for_oid(oid)]


@pytest.mark.parametrize("identity", IDENTITIES)
def test_each_identity_has_a_certificate_of_this_authority(identity: str) -> None:
    authority = x509.load_pem_x509_certificate(FILES["pki/ca.crt"])

    certificate = certificate_of(identity)

    certificate.verify_directly_issued_by(authority)
    assert names(certificate, NameOID.COMMON_NAME) == [IDENTITIES[identity].user]
    assert names(certificate, NameOID.ORGANIZATION_NAME) == list(IDENTITIES[identity].groups)


def test_the_scheduler_and_the_controllers_are_no_masters() -> None:
    assert IDENTITIES["scheduler"].groups == ()
    assert IDENTITIES["controller-manager"].groups == ()


def test_no_two_identities_share_a_key() -> None:
    keys = {
        certificate_of(identity)
        .public_key()
        .public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        for identity in IDENTITIES
    }

    assert len(keys) == len(IDENTITIES)


def test_the_key_of_the_authority_is_kept_nowhere() -> None:
    public = x509.load_pem_x509_certificate(FILES["pki/ca.crt"]).public_key()

    for content in FILES.values():
        for block in content.split(b"-----BEGIN PRIVATE KEY-----")[1:]:
            key = b"-----BEGIN PRIVATE KEY-----" + block
            assert load_pem_private_key(key, None).public_key() != public


def test_two_clusters_do_not_trust_each_other() -> None:
    other = x509.load_pem_x509_certificate(make_credentials("demo", 20001)["pki/ca.crt"])

    with pytest.raises(InvalidSignature):
        certificate_of("learner").verify_directly_issued_by(other)


def test_a_strict_verifier_takes_the_certificate_of_the_server(tmp_path: Path) -> None:
    """Python 3.13 and newer check key identifiers and usages by default."""
    for name in ("pki/ca.crt", "pki/apiserver.crt", "pki/apiserver.key", "pki/platform.pem"):
        (tmp_path / Path(name).name).write_bytes(FILES[name])
    server, client = ssl.MemoryBIO(), ssl.MemoryBIO()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    serving.load_verify_locations(tmp_path / "ca.crt")
    serving.verify_mode = ssl.CERT_REQUIRED
    asking = ssl.create_default_context(cafile=str(tmp_path / "ca.crt"))
    asking.verify_flags |= ssl.VERIFY_X509_STRICT
    asking.load_cert_chain(tmp_path / "platform.pem")

    one = asking.wrap_bio(client, server, server_hostname="127.0.0.1")
    two = serving.wrap_bio(server, client, server_side=True)

    handshake(one, two)
    peer = two.getpeercert()
    assert peer is not None
    assert (("commonName", "assay:platform"),) in peer["subject"]


def handshake(*ends: ssl.SSLObject) -> None:
    for _ in range(6):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue


def test_a_kubeconfig_leads_to_loopback_and_to_the_namespace_default() -> None:
    document = yaml.safe_load(FILES["learner.kubeconfig"])

    assert document["clusters"][0]["cluster"]["server"] == "https://127.0.0.1:20001"
    assert document["contexts"][0]["context"]["namespace"] == "default"
    assert document["current-context"] == "demo"
