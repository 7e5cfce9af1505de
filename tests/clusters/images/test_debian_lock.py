"""The lock of Debian packages: what is pinned, and what a broken one says."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusters.errors import InputInvalid, PreflightError
from clusters.images.debian.lock import installed_debian_lock, load_debian_lock
from clusters.images.recipe import all_packages

LOCK = """
apiVersion: assay.dev/v1
kind: DebianLock
suite: bookworm
sets: {node: [bash], tools: [curl]}
packages:
  amd64:
    - {name: bash, version: '5.2', size: 10, sha256: SHA, sets: [node]}
    - {name: libc6, version: '2.36', size: 10, sha256: SHB, sets: [node, tools]}
"""


def lock_file(tmp_path: Path, text: str = LOCK) -> Path:
    path = tmp_path / "debian.lock.yaml"
    path.write_text(text.replace("SHA", "a" * 64).replace("SHB", "b" * 64))
    return path


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_everything_that_is_asked_for_is_pinned_on_every_architecture(architecture: str) -> None:
    lock = installed_debian_lock()

    for name, wanted in lock.sets.items():
        pinned = {package.name for package in lock.packages_of(name, architecture)}
        assert set(wanted) <= pinned


def test_nothing_is_pinned_that_was_not_wanted_nor_twice() -> None:
    lock = installed_debian_lock()

    for packages in lock.packages.values():
        names = [package.name for package in packages]
        assert len(names) == len(set(names))
        assert not set(names) & set(lock.without)


def test_packages_of_several_sets_come_once(tmp_path: Path) -> None:
    lock = load_debian_lock(lock_file(tmp_path))

    assert [p.name for p in lock.packages_of("node", "amd64")] == ["bash", "libc6"]
    assert [p.name for p in lock.packages_of("tools", "amd64")] == ["libc6"]
    assert len(all_packages(installed_debian_lock(), "node", "tools", "node")) == len(
        {p.sha256 for name in ("node", "tools") for p in installed_debian_lock().packages_of(name)}
    )


def test_an_architecture_without_packages_is_refused_with_what_to_do(tmp_path: Path) -> None:
    lock = load_debian_lock(lock_file(tmp_path))

    with pytest.raises(PreflightError, match="can be built on amd64 and not on riscv64: import"):
        lock.packages_of("node", "riscv64")


def test_a_broken_lock_tells_every_problem_with_its_key(tmp_path: Path) -> None:
    text = LOCK.replace("bookworm", "Bookworm!").replace("size: 10, sha256: SHB", "sha256: short")

    with pytest.raises(InputInvalid) as caught:
        load_debian_lock(lock_file(tmp_path, text))

    told = "\n".join(caught.value.problems)
    assert "debian.lock.yaml: suite: " in told
    assert "debian.lock.yaml: packages.amd64[1].size: is missing" in told.replace(".1.", "[1].")
    assert "sha256" in told


@pytest.mark.parametrize("text", ["sets: [", None])
def test_a_lock_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "debian.lock.yaml"
    if text:
        path.write_text(text)

    with pytest.raises(InputInvalid) as caught:
        load_debian_lock(path)

    assert len(caught.value.problems) == 1
