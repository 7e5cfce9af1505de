"""Downloading a release: resumed when it was cut, verified before anybody sees it.

`ASSAY_BINARIES_MIRROR` replaces the official hosts: `https://dl.k8s.io/v1/x` is then asked of
`<mirror>/dl.k8s.io/v1/x`, which is how `wget --force-directories` lays out what it fetches.
"""

from __future__ import annotations

import json
import re
import shutil
import tarfile
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any

import httpx

from clusters.binaries.lock import Release
from clusters.binaries.store import sha256
from clusters.errors import ClusterError

OnBytes = Callable[[int, int | None], None]
"""Told how many bytes have arrived, and of how many (None where the server does not say)."""

_TIMEOUT = httpx.Timeout(20, connect=5)
_TRIES = 4
_WORTH_A_RETRY = 1 << 20
"""Bytes that must arrive for a cut connection not to count as a failed try."""
_LARGEST = 1 << 30
"""Bytes that no binary has; a file without an end must not fill the disk."""
_UNREACHABLE = (httpx.ConnectError, httpx.ConnectTimeout)
_ERRNO = re.compile(r"^\[Errno -?\d+\] ")
_HASH = re.compile(r"^[0-9a-f]{64}$")


class ReleaseUnusable(ClusterError):
    """The release cannot be had or is not what its publisher says; the sentence says why."""


class Publisher:
    """The hosts that offer releases, or a mirror of them. Use it as a context manager."""

    def __init__(self, mirror: str | None = None, pause: float = 1.0) -> None:
        """Prepare to ask; nothing is asked yet.

        Args:
            mirror: base URL that stands for every official host.
            pause: seconds between two tries of a connection that brings nothing.
        """
        self._mirror = mirror.rstrip("/") if mirror else None
        self._pause = pause
        self._unreachable: dict[str, str] = {}

    @cached_property
    def _client(self) -> httpx.Client:
        try:
            return httpx.Client(
                timeout=_TIMEOUT,
                follow_redirects=True,
                headers={"Accept-Encoding": "identity", "User-Agent": "assay"},
            )
        except (ImportError, ValueError) as error:
            reason = f"the proxy that the environment names cannot be used ({error})"
            raise ReleaseUnusable(reason) from error

    def __enter__(self) -> Publisher:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if "_client" in vars(self):
            self._client.close()

    def download(self, release: Release, part: Path, scratch: Path, on_bytes: OnBytes) -> Path:
        """Bring the binary of a release into `scratch` and return its path.

        Args:
            release: what to bring and how to verify it.
            part: file of what has arrived so far; it outlives a kill and is continued.
            scratch: empty folder for the result.
            on_bytes: told about the progress.

        Raises:
            ReleaseUnusable: it cannot be had, or it is not what its publisher says.
        """
        expected = release.sha256 or self._published_sha256(release)
        continued = part.exists()
        self._transfer(release, part, on_bytes)
        if continued and sha256(part) != expected:
            part.unlink()
            self._transfer(release, part, on_bytes)
        found = sha256(part)
        if found != expected:
            part.unlink()
            raise ReleaseUnusable(
                f"{release.url} has the wrong checksum and was thrown away "
                f"(expected sha256 {expected[:12]}..., found {found[:12]}...)"
            )
        return _unpack(part, release, scratch)

    def _published_sha256(self, release: Release) -> str:
        assert release.checksums is not None, "the lock refuses a release without a checksum"
        self._refuse_unreachable(release.checksums)
        try:
            response = self._client.get(self._address(release.checksums))
        except httpx.HTTPError as error:
            raise self._no_answer(release.checksums, error) from error
        if response.status_code != httpx.codes.OK:
            raise ReleaseUnusable(f"{release.checksums} answered {response.status_code}")
        name = PurePosixPath(release.url).name
        if (found := find_checksum(response.text, name)) is None:
            raise ReleaseUnusable(f"{release.checksums} has no checksum of {name}")
        return found

    def _transfer(self, release: Release, part: Path, on_bytes: OnBytes) -> None:
        """Bring the whole file, going on where a cut connection left it."""
        self._refuse_unreachable(release.url)
        failures, brought = 0, 0
        while True:
            before = _size(part)
            try:
                return self._continue(release, part, on_bytes)
            except httpx.HTTPError as error:
                more = _size(part) - before
                brought += more
                failures = 0 if more >= _WORTH_A_RETRY else failures + 1
                if failures == _TRIES or (not brought and isinstance(error, _UNREACHABLE)):
                    raise self._no_answer(release.url, error) from error
                if not more:
                    time.sleep(self._pause)

    def _continue(self, release: Release, part: Path, on_bytes: OnBytes) -> None:
        url, limit, have = release.url, release.size or _LARGEST, _size(part)
        headers = {"Range": f"bytes={have}-"} if have else {}
        with self._client.stream("GET", self._address(url), headers=headers) as response:
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # nothing is missing; the checksum decides
            if response.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                raise ReleaseUnusable(f"{url} answered {response.status_code}")
            if response.status_code == httpx.codes.OK:
                have = 0
            length = response.headers.get("Content-Length", "")
            total = have + int(length) if length.isdigit() else release.size
            with part.open("ab" if have else "wb") as file:
                for chunk in response.iter_raw():
                    file.write(chunk)
                    file.flush()
                    have += len(chunk)
                    on_bytes(have, total)
                    if have > limit:
                        part.unlink()
                        raise ReleaseUnusable(f"{url} is larger than {limit} bytes")

    def _address(self, url: str) -> str:
        return url if self._mirror is None else f"{self._mirror}/{url.removeprefix('https://')}"

    def _refuse_unreachable(self, url: str) -> None:
        """Ask a host that did not answer only once, so that being offline costs seconds."""
        if reason := self._unreachable.get(httpx.URL(self._address(url)).host):
            raise ReleaseUnusable(reason)

    def _no_answer(self, url: str, error: httpx.HTTPError) -> ReleaseUnusable:
        host = httpx.URL(self._address(url)).host
        what = _ERRNO.sub("", str(error)) or type(error).__name__
        if isinstance(error, _UNREACHABLE):
            self._unreachable[host] = f"{host} cannot be reached ({what})"
            return ReleaseUnusable(self._unreachable[host])
        return ReleaseUnusable(f"{url} could not be downloaded ({what})")


def is_address(url: str) -> bool:
    """Say whether files can be asked of a base URL."""
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    return parsed.scheme in ("http", "https") and bool(parsed.host)


def find_checksum(text: str, name: str) -> str | None:
    """Find the SHA-256 of the file `name` in what a publisher offers.

    Known forms: one hash and nothing else (Kubernetes), lines `<hash>  <name>` (etcd), and GitHub's
    description of a release, whose `assets` carry a `digest` (kwok, which has no file of its own).
    """
    if text.lstrip().startswith("{"):
        return _asset_digest(text, name)
    for line in text.splitlines():
        match line.split():
            case [digest] if _HASH.match(digest):
                return digest
            case [digest, file] if file.lstrip("*") == name and _HASH.match(digest):
                return digest
    return None


def _asset_digest(text: str, name: str) -> str | None:
    try:
        assets: list[dict[str, Any]] = json.loads(text)["assets"]
        digests = [asset.get("digest") or "" for asset in assets if asset["name"] == name]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    found = [digest.removeprefix("sha256:") for digest in digests]
    return next((digest for digest in found if _HASH.match(digest)), None)


def _unpack(part: Path, release: Release, scratch: Path) -> Path:
    binary = scratch / "binary"
    if release.member is None:
        return part.rename(binary)
    try:
        with tarfile.open(part) as archive, binary.open("wb") as file:
            packed = archive.extractfile(release.member)
            if packed is None:
                raise KeyError(release.member)
            shutil.copyfileobj(packed, file)
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise ReleaseUnusable(f"{release.url} does not hold {release.member}") from error
    finally:
        part.unlink()
    return binary


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
