"""Credentials of a kind cluster: kubeconfigs signed by the authority that kubeadm made.

The key of the authority stays in the node, where the controller-manager and whoever is root there
can read it; it is read once, and never written on this side.
"""

from __future__ import annotations

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from clusters.errors import ClusterError
from clusters.providers.embedded.credentials import IDENTITIES, Authority, sign_identities
from clusters.providers.kind.docker import Container, read_file

_PKI = "/etc/kubernetes/pki"
_NAMES = ("learner", "grader", "platform")


def make_credentials(cluster: str, port: int, control_plane: Container) -> dict[str, bytes]:
    """Return the files of the credentials of a cluster that runs, by name.

    Args:
        cluster: name of the cluster, shown by `kubectl config`.
        port: loopback port of its API server.
        control_plane: the node with the authority.

    Raises:
        ClusterError: the node does not give its authority.
    """
    certificate = read_file(control_plane, f"{_PKI}/ca.crt")
    key = read_file(control_plane, f"{_PKI}/ca.key")
    try:
        known = x509.load_pem_x509_certificate(certificate)
        signer = serialization.load_pem_private_key(key, password=None)
    except ValueError as error:
        raise ClusterError(f"the authority of cluster {cluster} cannot be read") from error
    if not isinstance(signer, rsa.RSAPrivateKey):
        raise ClusterError(f"the authority of cluster {cluster} has a key of another kind than RSA")
    authority = Authority(known, signer)
    identities = {name: IDENTITIES[name] for name in _NAMES}
    return sign_identities(cluster, port, authority, identities) | {"pki/ca.crt": certificate}
