"""Downloading from a real server on loopback: good, wrong, cut, absent."""

from __future__ import annotations

import hashlib
import io
import json
import socket
import tarfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from clusters.binaries import Policy, Resolver
from clusters.binaries.download import Publisher, ReleaseUnusable, find_checksum
from clusters.binaries.lock import Release
from clusters.errors import ClusterError
from clusters.phases import Phase

if TYPE_CHECKING:
    from tests.clusters.binaries.conftest import FileServer

HASH = "a" * 64


@pytest.fixture
def downloader(resolver: Resolver) -> Resolver:
    """Resolves `tool` from the file server or not at all."""
    return replace(resolver, policy=Policy.DOWNLOAD)


def test_a_good_file_is_placed_as_a_program(downloader: Resolver, server: FileServer) -> None:
    server.offer()

    [tool] = downloader.resolve(["tool"])

    assert (tool.source, tool.version) == ("download", "v1.0.0")
    assert tool.path.read_bytes() == server.content
    assert tool.path.stat().st_mode & 0o777 == 0o755


def test_the_store_remembers_where_a_binary_came_from(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()

    downloader.resolve(["tool"])

    origin = downloader.slot("tool").origin()
    assert (origin.source, origin.reference) == ("download", server.url)
    assert origin.sha256 == hashlib.sha256(server.content).hexdigest()


def test_what_is_in_the_cache_is_not_asked_for_again(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    downloader.resolve(["tool"])
    asked = len(server.requests)

    [tool] = downloader.resolve(["tool"])

    assert tool.source == "cache"
    assert len(server.requests) == asked


def test_progress_tells_bytes_and_percent_and_ends_at_100(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    phases: list[Phase] = []

    downloader.resolve(["tool"], phases.append)

    assert phases[0].name == "binary-download"
    assert phases[0].message.startswith("Downloading tool v1.0.0: ")
    assert phases[0].message.endswith(" of 1 MB")
    assert phases[-1].percent == 100
    assert phases[-1].seconds is not None
    assert [p.percent for p in phases] == sorted(p.percent for p in phases)


def test_a_cut_connection_goes_on_where_it_was_cut(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    server.cuts = [100_000, 50_000]

    [tool] = downloader.resolve(["tool"])

    assert tool.path.read_bytes() == server.content
    assert server.asked_for() == [None, "bytes=100000-", "bytes=150000-"]


def test_a_server_without_ranges_is_asked_for_the_whole_file_again(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    server.ranges = False
    server.cuts = [100_000]

    [tool] = downloader.resolve(["tool"])

    assert tool.path.read_bytes() == server.content


def test_a_connection_that_is_always_cut_is_given_up_and_continued_by_the_next_call(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    server.cuts = [10_000] * 4

    with pytest.raises(ClusterError, match=r"tool v1\.0\.0 cannot be downloaded: .* \(peer closed"):
        downloader.resolve(["tool"])
    [tool] = downloader.resolve(["tool"])

    assert server.asked_for()[-1] == "bytes=40000-"
    assert tool.path.read_bytes() == server.content


def test_a_file_with_the_wrong_checksum_is_thrown_away(
    downloader: Resolver, server: FileServer, cache: Path
) -> None:
    server.offer(checksum_of=b"what the publisher released")

    with pytest.raises(ClusterError, match="has the wrong checksum and was thrown away"):
        downloader.resolve(["tool"])

    assert not downloader.slot("tool").filled
    assert [p.name for p in cache.rglob("*") if p.is_file()] == ["lock"]


def test_a_leftover_that_does_not_fit_is_replaced_by_the_whole_file(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    part = downloader.slot("tool").part
    part.parent.mkdir(parents=True)
    part.write_bytes(b"from another release" * 10)

    [tool] = downloader.resolve(["tool"])

    assert tool.path.read_bytes() == server.content
    assert server.asked_for() == ["bytes=200-", None]


def test_a_leftover_that_is_already_whole_is_used(downloader: Resolver, server: FileServer) -> None:
    server.offer()
    part = downloader.slot("tool").part
    part.parent.mkdir(parents=True)
    part.write_bytes(server.content)

    [tool] = downloader.resolve(["tool"])

    assert tool.path.read_bytes() == server.content
    assert server.asked_for() == [f"bytes={len(server.content)}-"]


def test_a_pinned_checksum_wins_over_the_publishers(
    server: FileServer, tmp_path: Path, lock_release: Release
) -> None:
    server.offer()
    pinned = lock_release.model_copy(update={"sha256": HASH})

    with (
        Publisher(server.address) as publisher,
        pytest.raises(ReleaseUnusable, match="expected sha256 aaaaaaaaaaaa"),
    ):
        publisher.download(pinned, tmp_path / "part", tmp_path, lambda have, total: None)

    assert server.asked_for(f"{server.url}.sha256") == []


def test_a_file_that_is_larger_than_pinned_is_given_up(
    server: FileServer, tmp_path: Path, lock_release: Release
) -> None:
    server.offer()
    pinned = lock_release.model_copy(update={"size": 1000})

    with (
        Publisher(server.address) as publisher,
        pytest.raises(ReleaseUnusable, match="is larger than 1000 bytes"),
    ):
        publisher.download(pinned, tmp_path / "part", tmp_path, lambda have, total: None)

    assert not (tmp_path / "part").exists()


def test_a_release_without_a_published_checksum_is_not_used(
    downloader: Resolver, server: FileServer
) -> None:
    server.offer()
    server.files = {p: c for p, c in server.files.items() if not p.endswith(".sha256")}

    with pytest.raises(ClusterError, match=r"tool\.sha256 answered 404"):
        downloader.resolve(["tool"])

    assert server.asked_for() == []


def test_an_absent_release_is_one_clear_sentence(downloader: Resolver, server: FileServer) -> None:
    server.offer()
    del server.files["/" + server.url.removeprefix("https://")]

    with pytest.raises(ClusterError) as caught:
        downloader.resolve(["tool"])

    assert str(caught.value) == f"tool v1.0.0 cannot be downloaded: {server.url} answered 404"


def test_a_refused_connection_is_one_clear_sentence(downloader: Resolver) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        offline = replace(downloader, mirror=f"http://127.0.0.1:{unused.getsockname()[1]}")

        with pytest.raises(ClusterError, match=r"127\.0\.0\.1 cannot be reached \(Connection ref"):
            offline.resolve(["tool"])


def test_a_platform_without_a_release_is_one_clear_sentence(downloader: Resolver) -> None:
    with pytest.raises(ClusterError, match="there is no release for plan9/386"):
        replace(downloader, platform="plan9/386").resolve(["tool"])


def test_a_host_that_does_not_answer_is_asked_once(
    server: FileServer, tmp_path: Path, lock_release: Release
) -> None:
    address = server.address
    server.close()

    with Publisher(address) as publisher:
        for _ in range(2):
            with pytest.raises(ReleaseUnusable, match="cannot be reached"):
                publisher.download(lock_release, tmp_path / "p", tmp_path, lambda *_: None)
        assert list(publisher._unreachable) == ["127.0.0.1"]


def test_the_member_of_an_archive_is_taken_out(server: FileServer, tmp_path: Path) -> None:
    url = "https://files.example.org/v1.0.0/tool.tar.gz"
    server.offer(url, _archive("tool-v1/tool", server.content))
    release = Release(url=url, checksums=f"{url}.sha256", member="tool-v1/tool")

    with Publisher(server.address) as publisher:
        found = publisher.download(release, tmp_path / "part", tmp_path, lambda *_: None)

    assert found.read_bytes() == server.content
    assert not (tmp_path / "part").exists()


@pytest.mark.parametrize("archived", [True, False])
def test_an_archive_without_the_member_is_one_clear_sentence(
    server: FileServer, tmp_path: Path, archived: bool
) -> None:
    url = "https://files.example.org/v1.0.0/tool.tar.gz"
    server.offer(url, _archive("another", b"x") if archived else b"no archive")
    release = Release(url=url, checksums=f"{url}.sha256", member="tool-v1/tool")

    with (
        Publisher(server.address) as publisher,
        pytest.raises(ReleaseUnusable, match=r"does not hold tool-v1/tool"),
    ):
        publisher.download(release, tmp_path / "part", tmp_path, lambda *_: None)


GITHUB = json.dumps(
    {"assets": [{"name": "other"}, {"name": "tool", "digest": f"sha256:{HASH}", "size": 3}]}
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param(f"{HASH}\n", HASH, id="one hash"),
        pytest.param(f"{'b' * 64}  other\n{HASH}  tool\n", HASH, id="SHA256SUMS"),
        pytest.param(f"{HASH} *tool\n", HASH, id="SHA256SUMS of binary files"),
        pytest.param(GITHUB, HASH, id="a release described by GitHub"),
        pytest.param(f"{HASH}  tool.sig\n", None, id="another file"),
        pytest.param("<html>Sign in to the hotel network</html>", None, id="a captive portal"),
        pytest.param("", None, id="nothing"),
        pytest.param('{"assets": [{"name": "tool", "digest": null}]}', None, id="no digest"),
        pytest.param('{"message": "rate limit exceeded"}', None, id="GitHub refuses"),
        pytest.param("{not JSON", None, id="broken JSON"),
    ],
)
def test_a_checksum_is_found_in_every_form_publishers_use(text: str, found: str | None) -> None:
    assert find_checksum(text, "tool") == found


@pytest.fixture
def lock_release(resolver: Resolver) -> Release:
    return resolver.lock.binaries["tool"].release["linux/amd64"]


def _archive(member: str, content: bytes) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        entry = tarfile.TarInfo(member)
        entry.size = len(content)
        archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
