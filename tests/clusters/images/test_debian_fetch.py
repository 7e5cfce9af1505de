"""Packages come from an archive by the real apt, and only what the lock pins is kept."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from clusters.errors import ClusterError, CommandError, PreflightError
from clusters.images.debian.apt import Apt
from clusters.images.debian.fetch import Packages
from clusters.images.debian.lock import load_debian_lock
from clusters.images.debian.relock import relock
from tests.clusters.images.archive_server import SUITE, DebianArchive

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="needs apt")


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DebianArchive]:
    served = DebianArchive(tmp_path / "served")
    monkeypatch.setenv("ASSAY_DEBIAN", served.address)
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield served
    served.close()


@pytest.fixture
def packages(tmp_path: Path) -> Packages:
    return Packages(tmp_path / "debian")


def ignore(what: str, share: float) -> None:
    """Listen to nobody."""


def test_pinned_packages_are_brought_and_asked_for_only_once(
    archive: DebianArchive, packages: Packages
) -> None:
    wanted = [archive.offer(f"pkg{n}", "1:1.0-1", {"./x": bytes([n])}) for n in range(15)]
    told: list[tuple[str, float]] = []

    packages.bring(wanted, SUITE, lambda what, share: told.append((what, share)))

    assert packages.missing(wanted) == []
    assert told[0] == ("asking which versions there are", 0.0)
    assert ("12 of 15 packages", 0.8) in told
    asked = len(archive.asked)
    packages.bring(wanted, SUITE, ignore)
    assert len(archive.asked) == asked


def test_an_interrupted_fetch_goes_on_with_what_is_missing(
    archive: DebianArchive, packages: Packages
) -> None:
    wanted = [archive.offer(f"pkg{n}", "1.0", {"./x": bytes([n])}) for n in range(14)]

    def interrupt(what: str, share: float) -> None:
        if share > 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        packages.bring(wanted, SUITE, interrupt)
    assert len(packages.missing(wanted)) == 2
    archive.asked.clear()
    packages.bring(wanted, SUITE, ignore)

    assert packages.missing(wanted) == []
    assert len([path for path in archive.asked if "/pool/" in path]) == 2


def test_another_file_under_a_pinned_version_is_thrown_away(
    archive: DebianArchive, packages: Packages
) -> None:
    pinned = archive.offer("bash", "5.2", {"./x": b"as it was"})
    other = pinned.model_copy(update={"sha256": "0" * 64})

    with pytest.raises(ClusterError, match=r"bash 5.2 is not the one that is pinned"):
        packages.bring([other], SUITE, ignore)

    assert packages.missing([other]) == [other]
    assert packages.missing([pinned]) == [pinned]


def test_a_version_that_the_archive_does_not_have_any_more_is_named(
    archive: DebianArchive, packages: Packages
) -> None:
    newer = archive.offer("bash", "5.3", {"./x": b"newer"})
    pinned = newer.model_copy(update={"version": "5.2"})

    with pytest.raises(ClusterError, match=r"(?s)'5.2' for 'bash' was not found.*ASSAY_DEBIAN"):
        packages.bring([pinned], SUITE, ignore)


def test_the_host_keeps_its_own_lists_and_packages(archive: DebianArchive, tmp_path: Path) -> None:
    archive.offer("only-here", "1.0", {"./x": b""})
    apt = Apt(tmp_path / "apt", SUITE)
    apt.update()

    assert "only-here" in apt.run("apt-cache", "policy", "only-here")
    assert not list(Path("/var/lib/apt/lists").glob(f"*127.0.0.1*{archive.address[17:22]}*"))


def test_what_apt_refuses_is_told_with_its_words(archive: DebianArchive, tmp_path: Path) -> None:
    apt = Apt(tmp_path / "apt", SUITE)

    with pytest.raises(CommandError, match=r"(?s)apt-get download failed:.*locate package nothing"):
        apt.run("apt-get", "download", "nothing")


def test_without_apt_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PreflightError, match="assay images import"):
        Apt(tmp_path, SUITE)


def test_a_lock_is_written_anew_from_what_the_archive_offers(
    archive: DebianArchive, tmp_path: Path
) -> None:
    for name, depends in (("tool", "library, script"), ("library", ""), ("script", "")):
        archive.offer(name, "2.0", {"./x": name.encode()}, depends)
    path = tmp_path / "debian.lock.yaml"
    document = {
        "apiVersion": "assay.dev/v1",
        "kind": "DebianLock",
        "suite": SUITE,
        "sets": {"node": ["tool"], "pause": ["library"]},
        "without": ["script"],
    }
    path.write_text("# Kept.\n" + yaml.safe_dump(document))

    relock(path)

    lock = load_debian_lock(path)
    assert path.read_text().startswith("# Kept.\n")
    for architecture in ("amd64", "arm64"):
        found = {p.name: p.sets for p in lock.packages_of("node", architecture)}
        assert found == {"library": ("node", "pause"), "tool": ("node",)}
