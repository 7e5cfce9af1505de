"""A start that cannot work: one sentence, and nothing left."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from clusters.binaries import ensure_binaries
from clusters.errors import ClusterError, NotReadyError
from clusters.phases import Phase
from clusters.providers import disk
from clusters.providers.embedded import EmbeddedProvider, control_plane, processes
from clusters.providers.embedded.components import COMPONENTS
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of links to the real binaries, in which a test replaces one."""
    cache = tmp_path / "cache"
    for name, path in ensure_binaries(COMPONENTS).items():
        slot = cache / "bin" / path.parent.name
        slot.mkdir(parents=True)
        (slot / name).symlink_to(path)
    monkeypatch.setenv("ASSAY_CACHE", str(cache))
    return cache


@pytest.fixture
def own_provider(tmp_path: Path) -> Iterator[EmbeddedProvider]:
    provider = EmbeddedProvider(tmp_path / "clusters")
    yield provider
    assert processes.find_clusters(tmp_path / "clusters") == {}


def replace(cache: Path, name: str, script: str) -> None:
    (binary,) = cache.glob(f"bin/{name}-v*/{name}")
    binary.unlink()
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)


@pytest.mark.parametrize("name", COMPONENTS)
def test_a_component_that_dies_at_its_start_is_named_with_its_last_words(
    cache: Path, own_provider: EmbeddedProvider, tmp_path: Path, name: str
) -> None:
    replace(cache, name, "echo 'out of luck today' >&2; exit 7")

    with pytest.raises(NotReadyError) as failure:
        own_provider.create(ClusterSpec("demo"))

    assert f"{name} of cluster demo" in str(failure.value)
    assert "out of luck today" in str(failure.value)
    assert "\n" not in str(failure.value)
    assert list((tmp_path / "clusters").iterdir()) == []


def test_a_component_that_never_answers_is_named_and_ended(
    cache: Path,
    own_provider: EmbeddedProvider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    replace(cache, "kube-apiserver", "echo 'still thinking'; exec sleep 600")
    monkeypatch.setattr(control_plane, "START_SECONDS", 1.0)

    with pytest.raises(NotReadyError, match=r"kube-apiserver .* not ready after 1 s.*thinking"):
        own_provider.create(ClusterSpec("demo"))

    assert list((tmp_path / "clusters").iterdir()) == []


def test_an_interrupted_creation_leaves_nothing(
    own_provider: EmbeddedProvider, tmp_path: Path
) -> None:
    def interrupt(phase: Phase) -> None:
        if phase.name == "accelerators":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        own_provider.create(ClusterSpec("demo"), interrupt)

    assert list((tmp_path / "clusters").iterdir()) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 48 MiB; less than etcd sets aside."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this host does not let root mount a small disk")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_small_disk_is_refused_before_anything_starts(small_disk: Path) -> None:
    provider = EmbeddedProvider(small_disk / "clusters")
    phases: list[str] = []

    with pytest.raises(ClusterError, match=r"the disk of .*/demo is full: .* free some space"):
        provider.create(ClusterSpec("demo"), lambda phase: phases.append(phase.name))

    assert phases == []
    assert list((small_disk / "clusters").iterdir()) == []


def test_a_disk_that_fills_up_meanwhile_is_one_sentence(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "DISK_NEEDED", 0)
    provider = EmbeddedProvider(small_disk / "clusters")

    with pytest.raises(ClusterError, match=r"the disk of .*/demo is full: .* free some space"):
        provider.create(ClusterSpec("demo"))

    assert processes.find_clusters(small_disk / "clusters") == {}
    assert list((small_disk / "clusters").iterdir()) == []


def test_a_disk_that_is_full_to_the_last_byte_is_one_sentence(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "DISK_NEEDED", 0)
    with (small_disk / "filler").open("wb") as filler:
        os.posix_fallocate(filler.fileno(), 0, os.statvfs(small_disk).f_bavail * 4096)
    provider = EmbeddedProvider(small_disk / "clusters")

    with pytest.raises(ClusterError, match=r"the disk of .* is full"):
        provider.create(ClusterSpec("demo"))

    assert list(small_disk.glob("clusters/*")) == []
