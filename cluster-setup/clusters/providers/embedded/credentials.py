"""Credentials of one cluster: its certificate authority, and a key for each identity.

Everything is made anew for every cluster, so no credential is good for a second one. The key of
the authority is used once and never written: nobody, the controller-manager included, can sign
another certificate for this cluster.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_FOR = timedelta(days=365)
"""A lab cluster lives for hours; a year covers one that somebody keeps."""
SERVICE_ADDRESS = "10.96.0.1"
"""Address of the Service `kubernetes`, the first of the service range."""


@dataclass(frozen=True)
class Identity:
    """Whom a client certificate speaks for."""

    user: str
    groups: tuple[str, ...] = ()


IDENTITIES = {
    "learner": Identity("learner", ("system:masters",)),
    # Groups that RBAC cannot take rights from: a learner must not be able to blind the grader
    # or to stop the simulation by deleting a binding.
    "grader": Identity("assay:grader", ("system:masters",)),
    "platform": Identity("assay:platform", ("system:masters",)),
    "kwok": Identity("assay:kwok", ("system:masters",)),
    "controller-manager": Identity("system:kube-controller-manager"),
    "scheduler": Identity("system:kube-scheduler"),
}
"""Every holder of a kubeconfig; the key is the name of its file."""


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def server_at(port: int) -> str:
    """Return the base URL of the API server on a loopback port."""
    return f"https://127.0.0.1:{port}"


def make_credentials(cluster: str, port: int) -> dict[str, bytes]:
    """Return the files of a new set of credentials, by name.

    Args:
        cluster: name of the cluster, shown by `kubectl config`.
        port: loopback port of its API server.
    """
    authority = _make_authority(cluster)
    server = _sign_server(authority)
    service_accounts = ec.generate_private_key(ec.SECP256R1())
    files = {
        "pki/ca.crt": _pem_certificate(authority.certificate),
        "pki/apiserver.crt": _pem_certificate(server.certificate),
        "pki/apiserver.key": _pem_key(server.key),
        "pki/service-accounts.key": _pem_key(service_accounts),
        "pki/service-accounts.pub": _pem_public_key(service_accounts),
    }
    for name, identity in IDENTITIES.items():
        pair = _sign_client(authority, identity)
        files[f"{name}.kubeconfig"] = _kubeconfig(cluster, port, authority, identity, pair)
        if name == "platform":
            files["pki/platform.pem"] = _pem_certificate(pair.certificate) + _pem_key(pair.key)
    return files


def _make_authority(cluster: str) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"assay {cluster}")])
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    builder = (
        _certificate(name, name, key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    return _Pair(builder.sign(key, hashes.SHA256()), key)


def _sign_server(authority: _Pair) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.DNSName("kubernetes"),
        x509.DNSName("kubernetes.default"),
        x509.DNSName("kubernetes.default.svc"),
        x509.DNSName("kubernetes.default.svc.cluster.local"),
        x509.IPAddress(IPv4Address("127.0.0.1")),
        x509.IPAddress(IPv4Address(SERVICE_ADDRESS)),
    ]
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "kube-apiserver")])
    builder = (
        _leaf(subject, authority, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _sign_client(authority: _Pair, identity: Identity) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name(
        [
            *(x509.NameAttribute(NameOID.ORGANIZATION_NAME, group) for group in identity.groups),
            x509.NameAttribute(NameOID.COMMON_NAME, identity.user),
        ]
    )
    builder = _leaf(subject, authority, key).add_extension(
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
    )
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _leaf(
    subject: x509.Name, authority: _Pair, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    # Python 3.13 and newer refuse a certificate without the key identifier of its issuer.
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key())
    return _certificate(subject, authority.certificate.subject, key).add_extension(
        issuer_key, critical=False
    )


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + VALID_FOR)
    )


def _kubeconfig(
    cluster: str, port: int, authority: _Pair, identity: Identity, pair: _Pair
) -> bytes:
    context = {"cluster": cluster, "user": identity.user, "namespace": "default"}
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": cluster,
        "clusters": [
            {
                "name": cluster,
                "cluster": {
                    "server": server_at(port),
                    "certificate-authority-data": _base64(_pem_certificate(authority.certificate)),
                },
            }
        ],
        "contexts": [{"name": cluster, "context": context}],
        "users": [
            {
                "name": identity.user,
                "user": {
                    "client-certificate-data": _base64(_pem_certificate(pair.certificate)),
                    "client-key-data": _base64(_pem_key(pair.key)),
                },
            }
        ],
    }
    return yaml.safe_dump(document, sort_keys=False).encode()


def _pem_certificate(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _pem_public_key(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
