"""Keys and lists fetched from an issuer's site: from real servers on loopback, some of them bad."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from web.credentials import Fault, fetching_lists, resolving
from web.credentials.did import did_document, did_of
from web.credentials.resolution import http_get
from web.credentials.token import LIMIT

if TYPE_CHECKING:
    from tests.web.credentials.conftest import Mint


class Host:
    """A web server on loopback that serves what it is given."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[str] = []
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                host.asked.append(self.path)
                status, headers, content = host.pages.get(self.path, (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(content)
                except OSError:
                    self.close_connection = True

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def serve(self, path: str, content: bytes, status: int = 200, **headers: str) -> None:
        self.pages[path] = (status, headers, content)

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def host() -> Iterator[Host]:
    host = Host()
    yield host
    host.close()


@pytest.fixture
def here(mint: Mint, host: Host) -> Mint:
    """The issuer, with its site at `host`."""
    mint.url = f"{host.url}/services/web"
    document = did_document(mint.did, mint.key.public)
    host.serve("/services/web/did.json", json.dumps(document).encode())
    host.serve("/services/web/status/1", mint.list_at(mint.list_url).encode())
    return mint


def test_a_badge_verifies_with_what_its_site_publishes(here: Mint, host: Host) -> None:
    verdict = here.verify(here.badge(), trust=resolving(), lists=fetching_lists(here.did))

    assert verdict.valid, verdict.problems
    assert host.asked == ["/services/web/did.json", "/services/web/status/1"]


def test_a_site_that_publishes_another_key_is_believed(
    here: Mint, other_mint: Mint, host: Host
) -> None:
    document = did_document(here.did, other_mint.key.public)
    host.serve("/services/web/did.json", json.dumps(document).encode())

    assert here.verify(here.badge(), trust=resolving()).faults == {Fault.UNKNOWN_KEY}


def test_a_document_that_belongs_to_another_issuer_is_refused(here: Mint, host: Host) -> None:
    document = did_document("did:web:labs.example.org", here.key.public)
    host.serve("/services/web/did.json", json.dumps(document).encode())

    assert here.verify(here.badge(), trust=resolving()).faults == {Fault.ISSUER}


@pytest.mark.parametrize(
    ("status", "content"),
    [(404, b""), (500, b"oops"), (200, b"<html>"), (200, b"[" * 9999), (200, b"x" * (LIMIT + 1))],
)
def test_a_site_without_a_document_is_named_in_one_sentence(
    here: Mint, host: Host, status: int, content: bytes
) -> None:
    host.serve("/services/web/did.json", content, status)

    verdict = here.verify(here.badge(), trust=resolving())

    assert verdict.faults == {Fault.ISSUER_UNAVAILABLE}
    assert here.did in verdict.problems[0].message


def test_a_document_of_endless_space_is_not_read(here: Mint, host: Host) -> None:
    document = json.dumps(did_document(here.did, here.key.public)).encode()
    host.serve("/services/web/did.json", document + b" " * LIMIT)

    assert here.verify(here.badge(), trust=resolving()).faults == {Fault.ISSUER_UNAVAILABLE}


def test_a_redirect_is_not_followed(here: Mint, host: Host) -> None:
    host.serve("/services/web/did.json", b"", 302, Location=f"{host.url}/elsewhere")

    assert here.verify(here.badge(), trust=resolving()).faults == {Fault.ISSUER_UNAVAILABLE}
    assert "/elsewhere" not in host.asked


def test_a_host_that_is_down_is_said_in_one_sentence(mint: Mint) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        mint.url = f"http://127.0.0.1:{free.getsockname()[1]}/services/web"

        keys = mint.verify(mint.badge(), trust=resolving())
        lists = mint.verify(mint.badge(), lists=fetching_lists(mint.did))

    assert keys.faults == {Fault.ISSUER_UNAVAILABLE}
    assert lists.faults == {Fault.STATUS_UNAVAILABLE}
    assert "does not answer" in lists.problems[0].message


@pytest.mark.parametrize(
    "url",
    [
        "http://labs.example.org/status/1",
        "file:///etc/passwd",
        "ftp://labs.example.org/1",
        "//x",
        "http://127.0.0.1:1/status/1",
        "https://localhost/status/1",
        "https://\x00/",
    ],
)
def test_a_badge_cannot_send_its_reader_anywhere_it_likes(mint: Mint, url: str) -> None:
    asked: list[str] = []

    def get(address: str) -> bytes:
        asked.append(address)
        return http_get(address)

    verdict = mint.verify(mint.badge(status_list=url), lists=fetching_lists(mint.did, get))

    assert verdict.faults == {Fault.STATUS_UNAVAILABLE}
    assert [address for address in asked if not address.startswith("https://\x00")] == []


def test_the_keys_of_an_issuer_are_fetched_once(here: Mint, host: Host) -> None:
    trust = resolving()

    for _ in range(3):
        assert here.verify(here.badge(), trust=trust).valid

    assert host.asked == ["/services/web/did.json"]
    assert here.did == did_of(f"{host.url}/services/web")
