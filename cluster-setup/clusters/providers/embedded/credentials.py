"""Credentials of one cluster: its certificate authority, and a key for each identity.

Everything is made anew for every cluster, so no credential is good for a second one. The key of
the authority is used once and never written: nobody, the controller-manager included, can sign
another certificate for this cluster.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv4Network

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificateIssuerPrivateKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from clusters.podrunner.addresses import API_SERVER, CONTROL_PLANE, NODE_RANGE

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
NETWORK_IDENTITIES = {
    "kube-proxy": Identity("system:kube-proxy"),
    "coredns": Identity("assay:coredns"),
    "podrunner": Identity("assay:podrunner"),
}
"""Those that only clusters with a network have; each may do what its role says, and no more."""
_KUBELET_CLIENT = Identity(API_SERVER)


@dataclass(frozen=True)
class Authority:
    """Who signs the certificates of one cluster."""

    certificate: x509.Certificate
    key: CertificateIssuerPrivateKeyTypes


@dataclass(frozen=True)
class _Pair:
    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def server_at(port: int) -> str:
    """Return the base URL of the API server on a loopback port."""
    return f"https://127.0.0.1:{port}"


def make_credentials(cluster: str, port: int, *, network: bool = False) -> dict[str, bytes]:
    """Return the files of a new set of credentials, by name.

    Args:
        cluster: name of the cluster, shown by `kubectl config`.
        port: loopback port of its API server.
        network: whether Pods are to have a network.
    """
    authority = _make_authority(cluster)
    server = _sign_server(authority, "kube-apiserver", _api_server_names())
    service_accounts = ec.generate_private_key(ec.SECP256R1())
    files = {
        "pki/ca.crt": _pem_certificate(authority.certificate),
        "pki/apiserver.crt": _pem_certificate(server.certificate),
        "pki/apiserver.key": _pem_key(server.key),
        "pki/service-accounts.key": _pem_key(service_accounts),
        "pki/service-accounts.pub": _pem_public_key(service_accounts),
    }
    if network:
        files |= _kubelet_files(authority)
    chosen = {**IDENTITIES, **(NETWORK_IDENTITIES if network else {})}
    return files | sign_identities(cluster, port, authority, chosen)


def sign_identities(
    cluster: str, port: int, authority: Authority, identities: Mapping[str, Identity]
) -> dict[str, bytes]:
    """Return a kubeconfig for each identity, by file name, and the platform's pair for our own use.

    Args:
        cluster: name of the cluster, shown by `kubectl config`.
        port: loopback port of its API server.
        authority: whom that API server trusts.
        identities: by the name of the file.
    """
    files = {}
    for name, identity in identities.items():
        pair = _sign_client(authority, identity)
        files[f"{name}.kubeconfig"] = _kubeconfig(cluster, port, authority, identity, pair)
        if name == "platform":
            files["pki/platform.pem"] = _pem_certificate(pair.certificate) + _pem_key(pair.key)
    return files


def _make_authority(cluster: str) -> Authority:
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
    return Authority(builder.sign(key, hashes.SHA256()), key)


def _kubelet_files(authority: Authority) -> dict[str, bytes]:
    """Return the certificates between the API server and the server of the pod runner.

    The latter speaks for every node there may be: nothing can be signed when one is added.
    """
    addresses = map(x509.IPAddress, IPv4Network(NODE_RANGE).hosts())
    pairs = {
        "kubelet": _sign_server(authority, "assay:podrunner", list(addresses)),
        "kubelet-client": _sign_client(authority, _KUBELET_CLIENT),
    }
    files = {f"pki/{name}.crt": _pem_certificate(pair.certificate) for name, pair in pairs.items()}
    return files | {f"pki/{name}.key": _pem_key(pair.key) for name, pair in pairs.items()}


def _api_server_names() -> list[x509.GeneralName]:
    return [
        x509.DNSName("localhost"),
        x509.DNSName("kubernetes"),
        x509.DNSName("kubernetes.default"),
        x509.DNSName("kubernetes.default.svc"),
        x509.DNSName("kubernetes.default.svc.cluster.local"),
        x509.IPAddress(IPv4Address("127.0.0.1")),
        x509.IPAddress(IPv4Address(SERVICE_ADDRESS)),
        x509.IPAddress(IPv4Address(CONTROL_PLANE)),
    ]


def _sign_server(authority: Authority, name: str, names: list[x509.GeneralName]) -> _Pair:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = (
        _leaf(subject, authority, key)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return _Pair(builder.sign(authority.key, hashes.SHA256()), key)


def _sign_client(authority: Authority, identity: Identity) -> _Pair:
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
    subject: x509.Name, authority: Authority, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    # Python 3.13 and newer refuse a certificate without the key identifier of its issuer, and
    # OpenSSL one with another than stands there: kubeadm's is not the usual digest of the key.
    known = authority.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    issuer_key = x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known.value)
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
    cluster: str, port: int, authority: Authority, identity: Identity, pair: _Pair
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
