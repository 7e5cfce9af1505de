"""Credentials signed by an authority that somebody else made, as kubeadm makes it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from clusters.providers.embedded.credentials import (
    IDENTITIES,
    Authority,
    make_credentials,
    sign_identities,
)


@pytest.fixture(scope="module")
def authority() -> Authority:
    """An authority whose key identifier is not the usual digest; Go 1.25 and newer make such."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kubernetes")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier(b"another digest"), critical=False)
        .sign(key, hashes.SHA256())
    )
    return Authority(certificate, key)


def test_openssl_takes_what_the_authority_of_kubeadm_signs(
    authority: Authority, tmp_path: Path
) -> None:
    pair = tmp_path / "platform.pem"
    pair.write_bytes(sign_identities("demo", 1, authority, IDENTITIES)["pki/platform.pem"])
    own = make_credentials("server", 1)
    for name in ("apiserver.crt", "apiserver.key"):
        (tmp_path / name).write_bytes(own[f"pki/{name}"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "apiserver.crt", tmp_path / "apiserver.key")
    server.verify_mode = ssl.CERT_REQUIRED
    server.load_verify_locations(cadata=authority.certificate.public_bytes(Encoding.PEM).decode())
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    client.load_cert_chain(pair)

    there = handshake(server, client)

    subject = dict(part[0] for part in there.getpeercert()["subject"])  # type: ignore[index,misc]
    assert subject["organizationName"] == "system:masters"


def handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> ssl.SSLObject:
    """Let the two speak in memory until the server knows who the client is."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(down, up)
    there = server.wrap_bio(up, down, server_side=True)
    done: set[ssl.SSLObject] = set()
    for _ in range(10):
        for end in (here, there):
            try:
                end.do_handshake()
                done.add(end)
            except ssl.SSLWantReadError:
                continue
        if len(done) == 2:
            return there
    raise AssertionError("the two do not come to an end")
