"""Warming: does once what every grading does, so that whoever is forked finds it done.

OpenSSL, urllib3 and the rest load and compute much on their first use. So the zygote talks once to
a server that it plays itself, over a socket that leads nowhere else.
"""

from __future__ import annotations

import datetime
import ipaddress
import json
import os
import socket
import ssl
import tempfile
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from graders.api import ApiServer
from graders.discovery import Discovery
from graders.kubeconfig import Access
from graders.view import ClusterView

_KIND = {
    "resource": "namespaces",
    "singularResource": "namespace",
    "responseKind": {"kind": "Namespace"},
    "scope": "Cluster",
    "verbs": ["get"],
}
_ANSWERS = {
    "/api": {"items": [{"metadata": {}, "versions": [{"version": "v1", "resources": [_KIND]}]}]},
    "/api/v1/namespaces/kube-system": {"metadata": {"name": "kube-system", "uid": "none"}},
}


def warm_up() -> None:
    """Ask a server of our own what a worker asks; the process must have one thread only."""
    certificate, key = _certificate()
    access = Access(
        server="https://127.0.0.1:1", authority=certificate, certificate=certificate, key=key
    )
    ours, theirs = socket.socketpair()
    server = os.fork()
    if server == 0:
        _exit_after(lambda: _answer(ours, theirs, certificate + key))
    theirs.close()
    try:
        with ApiServer(access.open(lambda: ours)) as api:
            assert ClusterView(api, discovery=Discovery()).uid == "none"
    finally:
        ours.close()
        os.waitpid(server, 0)


def _exit_after(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        os._exit(0)


def _answer(ours: socket.socket, theirs: socket.socket, pair: str) -> None:
    ours.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(pair)
        file.flush()
        context.load_cert_chain(file.name)
        context.load_verify_locations(file.name)
    context.verify_mode = ssl.CERT_REQUIRED
    with context.wrap_socket(theirs, server_side=True) as connection:
        _Handler(connection, ("", 0), None)  # type: ignore[arg-type]  # needs no server


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps(_ANSWERS.get(self.path.partition("?")[0], {"items": []})).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def _certificate() -> tuple[str, str]:
    """Return a certificate that signs itself, and its key, as PEM; both are worth nothing."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "warming")])
    now = datetime.datetime.now(datetime.UTC)
    addresses: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName(addresses), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode(), private.decode()
