"""A Debian archive on a loopback port, with packages that a test puts into it."""

from __future__ import annotations

import gzip
import hashlib
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from clusters.images.debian.lock import Package
from tests.clusters.images.making import Files, deb

SUITE = "bookworm"


class DebianArchive:
    """An unsigned archive of one suite; apt must be told to trust it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stanzas: list[str] = []
        self.asked: list[str] = []
        for base, suite in (
            ("debian", SUITE),
            ("debian", f"{SUITE}-updates"),
            ("debian-security", f"{SUITE}-security"),
        ):
            self._write_lists(folder / base / "dists" / suite, "")
        archive = self

        class Handler(_Handler):
            asked = archive.asked

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder)))
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def address(self) -> str:
        """What `ASSAY_DEBIAN` has to be."""
        return f"http://127.0.0.1:{self._http.server_port}/debian"

    def offer(self, name: str, version: str, files: Files, depends: str = "") -> Package:
        """Put a package into the archive and return what a lock says of it."""
        fields = {"Package": name, "Version": version, "Architecture": "all", "Maintainer": "x"}
        if depends:
            fields["Depends"] = depends
        control = "".join(f"{key}: {value}\n" for key, value in fields.items())
        content = deb(files, control=control)
        path = self._folder / "debian" / "pool" / f"{name}_{version}_all.deb"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        sha256 = hashlib.sha256(content).hexdigest()
        self._stanzas.append(
            f"{control}Filename: pool/{path.name}\nSize: {len(content)}\nSHA256: {sha256}\n"
            "Description: x\n"
        )
        lists = self._folder / "debian" / "dists" / SUITE
        self._write_lists(lists, "\n".join(self._stanzas))
        return Package(name=name, version=version, size=len(content), sha256=sha256, sets=("node",))

    def close(self) -> None:
        """Stop serving."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def _write_lists(self, folder: Path, packages: str) -> None:
        sums = []
        for architecture in ("amd64", "arm64"):
            path = folder / "main" / f"binary-{architecture}" / "Packages"
            path.parent.mkdir(parents=True, exist_ok=True)
            for file, data in (
                (path, packages.encode()),
                (path.with_suffix(".gz"), gzip.compress(packages.encode(), mtime=0)),
            ):
                file.write_bytes(data)
                digest = hashlib.sha256(data).hexdigest()
                sums.append(f" {digest} {len(data)} {file.relative_to(folder)}\n")
        (folder / "Release").write_text(
            f"Suite: {folder.name}\nCodename: {folder.name}\nComponents: main\n"
            "Date: Thu, 01 Jan 2026 00:00:00 UTC\n"
            f"Architectures: amd64 arm64\nSHA256:\n{''.join(sums)}"
        )


class _Handler(SimpleHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""
