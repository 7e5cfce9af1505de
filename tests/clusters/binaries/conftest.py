"""A file server that misbehaves on request, and locks whose binaries are small files."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from clusters.binaries import Policy, Resolver
from clusters.binaries.lock import BinaryLock, load_lock

CONTENT = b"#!/bin/sh\necho from the release\n" + bytes(range(256)) * 4096
"""A release: a script, with enough after its second line to be cut in the middle."""
URL = "https://files.example.org/tool/v1.0.0/tool"
GO_PROGRAM = """package main

import "fmt"

var version = "unset"

func main() { fmt.Println("built", version) }
"""


class FileServer:
    """Files on a loopback port, as an official host or a mirror would offer them."""

    url = URL
    content = CONTENT

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str | None]] = []
        """Path and Range header of every request, in order."""
        self.cuts: list[int] = []
        """Cut the next answers of the release after so many bytes."""
        self.ranges = True
        """Answer Range requests with the rest of the file, or ignore them."""
        self.hold_after: int | None = None
        """Send so many bytes of the release, then wait for `release_held`."""
        self.held = threading.Event()
        self.go_on = threading.Event()
        server = self

        class Handler(_Handler):
            files = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def offer(
        self, url: str = URL, content: bytes = CONTENT, checksum_of: bytes | None = None
    ) -> None:
        """Offer a file and, beside it, the checksum that its publisher would have written."""
        path = "/" + url.removeprefix("https://")
        digest = hashlib.sha256(content if checksum_of is None else checksum_of).hexdigest()
        self.files |= {path: content, f"{path}.sha256": digest.encode()}

    def asked_for(self, url: str = URL) -> list[str | None]:
        """Return the Range header of each request for a file."""
        wanted = "/" + url.removeprefix("https://")
        return [range_ for path, range_ in self.requests if path == wanted]

    def close(self) -> None:
        self.go_on.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    files: ClassVar[Any]

    def do_GET(self) -> None:
        server: FileServer = self.files
        asked = self.headers.get("Range")
        server.requests.append((self.path, asked))
        if (content := server.files.get(self.path)) is None:
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and server.ranges else 0
        if start >= len(content):
            self.send_error(416)
            return
        body = content[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.path.endswith(".sha256"):
            self.wfile.write(body)
        else:
            self._send_release(server, body)

    def _send_release(self, server: FileServer, body: bytes) -> None:
        if server.cuts:
            self.wfile.write(body[: server.cuts.pop(0)])
            self.close_connection = True
            return
        if server.hold_after is not None:
            self.wfile.write(body[: server.hold_after])
            self.wfile.flush()
            body = body[server.hold_after :]
            server.held.set()
            server.go_on.wait(20)
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of the test's own, and no setting of the developer's."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ASSAY_CACHE", str(folder))
    monkeypatch.delenv("ASSAY_BINARIES", raising=False)
    monkeypatch.delenv("ASSAY_BINARIES_MIRROR", raising=False)
    return folder


@pytest.fixture
def server() -> Iterator[FileServer]:
    files = FileServer()
    yield files
    files.close()


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    """A lock of one small tool, and the Go module it can be built from."""
    folder = tmp_path / "sources"
    module = folder / "tool"
    module.mkdir(parents=True)
    (module / "go.mod").write_text("module example.org/tool\n\ngo 1.21\n")
    (module / "main.go").write_text(GO_PROGRAM)
    release = {"url": URL, "checksums": f"{URL}.sha256"}
    tool = {
        "version": "v1.0.0",
        "release": {"linux/amd64": release},
        "build": {
            "module": "tool",
            "package": "example.org/tool",
            "ldflags": ["-X main.version=v1.0.0"],
        },
    }
    document = {"apiVersion": "assay.dev/v1", "kind": "BinaryLock", "binaries": {"tool": tool}}
    (folder / "lock.yaml").write_text(yaml.safe_dump(document))
    return folder


@pytest.fixture
def lock(sources: Path) -> BinaryLock:
    return load_lock(sources / "lock.yaml")


@pytest.fixture
def resolver(lock: BinaryLock, sources: Path, server: FileServer) -> Resolver:
    """Resolves `tool` from the file server, else by building it."""
    return Resolver(lock, sources, Policy.AUTO, server.address, "linux/amd64")
