"""`assay binaries` as a script or a person calls it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from clusters.binaries.lock import host_platform, installed_lock

if TYPE_CHECKING:
    from tests.clusters.binaries.conftest import FileServer


def assay(*words: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("assay")), "binaries", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture
def mirror(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> FileServer:
    """A mirror that is the only source of binaries."""
    monkeypatch.setenv("ASSAY_BINARIES_MIRROR", server.address)
    monkeypatch.setenv("ASSAY_BINARIES", "download")
    return server


def listed(name: str) -> dict[str, Any]:
    [row] = [row for row in json.loads(assay("list", "--json").stdout) if row["name"] == name]
    return dict(row)


def test_fetch_says_in_json_how_each_binary_was_got(mirror: FileServer, cache: Path) -> None:
    mirror.offer(installed_lock().binaries["kubectl"].release[host_platform()].url)

    first, second = (json.loads(assay("fetch", "kubectl", "--json").stdout) for _ in range(2))

    assert first[0] == {
        "name": "kubectl",
        "version": "v1.37.2",
        "path": str(cache / "bin" / "kubectl-v1.37.2" / "kubectl"),
        "source": "download",
        "seconds": first[0]["seconds"],
    }
    assert [binary["source"] for binary in second] == ["cache"]


def test_list_says_what_is_there_and_where_it_came_from(mirror: FileServer) -> None:
    url = installed_lock().binaries["kubectl"].release[host_platform()].url
    mirror.offer(url)
    before = listed("kubectl")
    assay("fetch", "kubectl")
    after = listed("kubectl")

    assert (before["present"], before["source"]) == (False, None)
    assert (after["present"], after["source"], after["reference"]) == (True, "download", url)


def test_a_binary_that_was_put_there_by_hand_is_of_unknown_origin(cache: Path) -> None:
    binary = cache / "bin" / "kubectl-v1.37.2" / "kubectl"
    binary.parent.mkdir(parents=True)
    binary.touch(0o755)

    assert (listed("kubectl")["present"], listed("kubectl")["source"]) == (True, "unknown")


def test_list_for_people_is_a_table_of_all() -> None:
    done = assay("list")

    assert done.returncode == 0
    assert all(name in done.stdout for name in installed_lock().binaries)
    assert "not in the cache" in done.stdout


@pytest.mark.usefixtures("mirror")
def test_a_release_that_cannot_be_had_is_one_sentence_and_nothing_on_stdout() -> None:
    done = assay("fetch", "kubectl", "--json")

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("assay: kubectl v1.37.2 cannot be downloaded: https://dl.k8s.io/")
    assert done.stderr.count("\n") == 1


def test_an_unknown_binary_is_a_usage_error() -> None:
    done = assay("fetch", "cri-o")

    assert done.returncode == 2
    assert done.stderr.startswith("assay: there is no binary cri-o; the lock has: etcd")
