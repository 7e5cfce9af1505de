"""Tap: stands between the programs of a step and the API server, and hears every request.

It speaks TLS and asks for the learner's own certificate, so nobody else on this host can use it.
What it passes on it passes on as it is, unless the step's session says otherwise.
"""

from __future__ import annotations

import base64
import http.client
import os
import ssl
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import IPv4Address
from pathlib import Path
from socketserver import BaseServer
from typing import Any
from urllib.parse import urlsplit

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from graders.kubeconfig import load_kubeconfig
from graders.rehearsal.mutation.session import Session
from graders.rehearsal.mutation.upstream import Upstream
from graders.rehearsal.mutation.writes import Request

_LOOPBACK = "127.0.0.1"
_VALID_FOR = timedelta(days=1)
_PIECE = 1 << 16
_OWN_HEADERS = {"connection", "content-length", "transfer-encoding", "date", "server"}


class Tap:
    """The tap of one cluster; `kubeconfig` leads through it."""

    def __init__(self, server: _Server, kubeconfig: Path, upstream: Upstream) -> None:
        self._server = server
        self._upstream = upstream
        self.kubeconfig = kubeconfig

    @contextmanager
    def hearing(self, session: Session) -> Iterator[None]:
        """Let a session hear, and change, what is sent meanwhile."""
        self._server.session = session
        try:
            yield
        finally:
            self._server.session = None

    @property
    def upstream(self) -> Upstream:
        """The API server itself."""
        return self._upstream


@contextmanager
def tapped(kubeconfig: Path, folder: Path) -> Iterator[Tap]:
    """Put a tap before the API server of a kubeconfig.

    Args:
        kubeconfig: the learner's.
        folder: an empty folder, for the kubeconfig that leads through the tap.
    """
    document = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    upstream = Upstream(load_kubeconfig(kubeconfig))
    authority = base64.b64decode(document["clusters"][0]["cluster"]["certificate-authority-data"])
    certificate, key = _certificate()
    server = _Server(upstream, _tls(certificate + key, authority.decode("ascii")))
    place = folder / "kubeconfig"
    _write_private(place, _led_through(document, server.server_port, certificate))
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Tap(server, place, upstream)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
        upstream.end()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a watch ends only with the cluster
    request_queue_size = 64

    def __init__(self, upstream: Upstream, tls: ssl.SSLContext) -> None:
        super().__init__((_LOOPBACK, 0), _Relay)
        self.socket = tls.wrap_socket(
            self.socket, server_side=True, do_handshake_on_connect=False
        )  # the handshake is done by the thread of the connection
        self.upstream = upstream
        self.session: Session | None = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: programs of a step are killed in the middle of a request."""


class _Relay(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, request: Any, client_address: Any, server: BaseServer) -> None:
        assert isinstance(server, _Server)
        self._of = server
        super().__init__(request, client_address, server)

    def log_message(self, format: str, *args: object) -> None:
        """Log nothing."""

    def finish(self) -> None:
        """Close both sides."""
        self._of.upstream.close()
        with suppress(OSError):
            super().finish()

    def _relay(self) -> None:
        address = urlsplit(self.path)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = dict(self.headers.items())
        request = Request(self.command, address.path, address.query, headers, content)
        if self._of.session is not None:
            request = self._of.session.meet(request)
        try:
            response = self._of.upstream.send(request)
        except (OSError, http.client.HTTPException):
            self.close_connection = True
            self.send_error(502)
            return
        with response:
            self._pass_on(response)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _relay  # noqa: N815

    def _pass_on(self, response: http.client.HTTPResponse) -> None:
        self.send_response(response.status)
        for name, value in response.getheaders():
            if name.lower() not in _OWN_HEADERS:
                self.send_header(name, value)
        if response.length is not None:
            content = response.read()
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := response.read1(_PIECE):
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.wfile.write(b"0\r\n\r\n")


def _led_through(document: dict[str, Any], port: int, certificate: bytes) -> str:
    cluster = {
        "server": f"https://{_LOOPBACK}:{port}",
        "certificate-authority-data": base64.b64encode(certificate).decode(),
    }
    (named,) = document["clusters"]
    return yaml.safe_dump({**document, "clusters": [{**named, "cluster": cluster}]})


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _tls(pem: bytes, authority: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_verify_locations(cadata=authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with tempfile.NamedTemporaryFile(prefix="assay-") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context


def _certificate() -> tuple[bytes, bytes]:
    """Return a certificate for the tap, good for a day, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "assay rehearsal")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + _VALID_FOR)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(_LOOPBACK))]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    encoding, format = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(encoding, format, serialization.NoEncryption())
    return certificate.public_bytes(encoding), secret
