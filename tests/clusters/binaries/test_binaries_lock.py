"""The lock: what is pinned, and what a broken one says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from clusters.binaries.build import required_go
from clusters.binaries.lock import (
    SOURCES,
    BinaryLock,
    host_platform,
    installed_lock,
    installed_locks,
    load_lock,
    lock_with,
)
from clusters.errors import InputInvalid, NotFound

NAMES = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubectl",
    "kwok",
    "kwokctl",
]


def test_the_lock_names_everything_a_cluster_is_made_of() -> None:
    assert installed_lock().everyday == NAMES


LOCKS = pytest.mark.parametrize(
    "lock", installed_locks(), ids=[lock.kubernetes for lock in installed_locks()]
)


@LOCKS
@pytest.mark.parametrize("name", NAMES)
def test_every_binary_is_offered_for_both_platforms_in_its_own_version(
    name: str, lock: BinaryLock
) -> None:
    binary = lock.binaries[name]

    assert sorted(binary.release) == ["linux/amd64", "linux/arm64"]
    for platform, release in binary.release.items():
        assert f"/{binary.version}/" in release.url
        assert platform.split("/")[1] in release.url


@LOCKS
@pytest.mark.parametrize("name", NAMES)
def test_the_go_module_builds_the_version_that_the_lock_names(name: str, lock: BinaryLock) -> None:
    binary = lock.binaries[name]
    assert binary.build
    module = SOURCES / binary.build.module
    root = re.sub(r"/cmd/.*", "", binary.build.package)

    required = (module / "go.mod").read_text(encoding="utf-8")

    assert f"{root} {binary.version}" in required
    assert binary.build.package in required
    assert (module / "go.sum").is_file()
    assert required_go(module) >= (1, 26)


@LOCKS
@pytest.mark.parametrize("name", sorted(set(NAMES) - {"etcd"}))
def test_the_linker_is_told_the_version_that_the_lock_names(name: str, lock: BinaryLock) -> None:
    binary = lock.binaries[name]
    assert binary.build

    assert any(flag.endswith(f"ersion={binary.version}") for flag in binary.build.ldflags)


def test_two_minor_versions_of_kubernetes_are_pinned_and_everything_else_once() -> None:
    first, previous = installed_locks()

    assert first is installed_lock()
    assert first.kubernetes.split(".")[1] != previous.kubernetes.split(".")[1]
    assert previous.everyday == first.everyday
    differ = {n for n in NAMES if first.binaries[n].version != previous.binaries[n].version}
    assert differ == {"kube-apiserver", "kube-controller-manager", "kube-scheduler"}


def test_a_version_of_kubernetes_is_named_by_its_minor_or_whole() -> None:
    first, previous = installed_locks()
    minor = previous.kubernetes.rpartition(".")[0]

    assert lock_with() is first
    assert lock_with(previous.kubernetes) is lock_with(minor.removeprefix("v")) is previous
    with pytest.raises(NotFound, match=r"Kubernetes 1.3 is not pinned; pinned: v1\.\d+"):
        lock_with("1.3")


def test_an_unknown_name_is_refused_with_those_that_exist() -> None:
    with pytest.raises(NotFound, match="no binary cri-o; the lock has: etcd, kube-apiserver"):
        installed_lock().check_names(["cri-o"])


def test_names_come_back_once_and_in_the_order_of_the_lock() -> None:
    assert installed_lock().check_names(["kwok", "etcd", "kwok"]) == ["etcd", "kwok"]


def test_this_host_is_named_as_releases_name_it() -> None:
    assert re.fullmatch(r"[a-z]+/(amd64|arm64|[a-z0-9_]+)", host_platform())
    assert "x86_64" not in host_platform()


def test_a_broken_lock_tells_every_problem_with_its_key(sources: Path) -> None:
    path = sources / "lock.yaml"
    text = path.read_text()
    text = text.replace("version: v1.0.0", "version: latest").replace("package:", "pkg:")
    path.write_text(text.replace("url: https://", "url: ftp://"))

    with pytest.raises(InputInvalid) as caught:
        load_lock(path)

    told = "\n".join(caught.value.problems)
    assert "lock.yaml: binaries.tool.version: " in told
    assert "lock.yaml: binaries.tool.build.pkg: unknown key" in told
    assert "lock.yaml: binaries.tool.build.package: is missing" in told
    assert "lock.yaml: binaries.tool.release.linux/amd64.url: " in told


def test_a_release_that_nobody_could_verify_is_refused(sources: Path) -> None:
    path = sources / "lock.yaml"
    path.write_text(re.sub(r" +checksums: .*\n", "", path.read_text()))

    with pytest.raises(InputInvalid, match="an unverified file is never used"):
        load_lock(path)


def test_an_archive_without_a_member_is_refused(sources: Path) -> None:
    path = sources / "lock.yaml"
    path.write_text(path.read_text().replace("v1.0.0/tool\n", "v1.0.0/tool.tar.gz\n"))

    with pytest.raises(InputInvalid, match="needs the member to take from it"):
        load_lock(path)


@pytest.mark.parametrize("text", ["binaries: [", "\x00", "just words"])
def test_a_lock_that_is_no_lock_is_one_clear_sentence(sources: Path, text: str) -> None:
    path = sources / "lock.yaml"
    path.write_text(text)

    with pytest.raises(InputInvalid) as caught:
        load_lock(path)

    assert len(caught.value.problems) == 1
    assert "lock.yaml: " in caught.value.problems[0]
    assert "\n" not in caught.value.problems[0]


def test_a_missing_lock_is_one_clear_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="cannot be read: No such file or directory"):
        load_lock(tmp_path / "lock.yaml")


def test_a_lock_cannot_be_changed_once_it_is_read(lock: BinaryLock) -> None:
    with pytest.raises(ValueError, match="frozen"):
        lock.binaries["tool"].version = "v2.0.0"
