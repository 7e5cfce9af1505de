"""Two callers at once, `kill -9` at a bad moment, a full disk: no broken binary, ever."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

import psutil
import pytest

from clusters.binaries.build import go_command
from clusters.binaries.lock import host_platform, installed_lock
from clusters.binaries.store import Slot

if TYPE_CHECKING:
    from tests.clusters.binaries.conftest import FileServer

SENT = 1000
"""Bytes of the release that a held server has sent."""
BUILD_TOOL = """
import sys
from pathlib import Path
from clusters.binaries import Policy, Resolver
from clusters.binaries.lock import load_lock

sources = Path(sys.argv[1])
resolver = Resolver(load_lock(sources / "lock.yaml"), sources, Policy.BUILD)
resolver.resolve(["tool"], lambda phase: print(phase.message, flush=True))
"""
KILLED_AT_A_RENAME = """
import os, signal, sys
from pathlib import Path
from clusters.binaries import ensure_binaries

rename, before = Path.rename, iter(range(int(sys.argv[1])))

def rename_or_die(self, target):
    if next(before, None) is None:
        os.kill(os.getpid(), signal.SIGKILL)
    return rename(self, target)

Path.rename = rename_or_die
ensure_binaries(["kubectl"])
"""

SLOW_GO = """#!/bin/sh
case $1 in
env) echo go1.99.0 ;;
list) echo package ;;
build)
    sleep 600 &
    echo $$ $! > "$PIDS.unfinished"
    mv "$PIDS.unfinished" "$PIDS"
    wait ;;
esac
"""
"""Builds for ten minutes, by a compiler that says nothing meanwhile."""


@pytest.fixture
def release(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Offer a small file as this host's release of kubectl, on a mirror."""
    monkeypatch.setenv("ASSAY_BINARIES_MIRROR", server.address)
    monkeypatch.setenv("ASSAY_BINARIES", "download")
    url = installed_lock().binaries["kubectl"].release[host_platform()].url
    server.offer(url)
    return url


@contextmanager
def fetching(*options: str) -> Iterator[subprocess.Popen[str]]:
    """Run `assay binaries fetch kubectl` as a person would, in a process of its own."""
    command = [str(Path(sys.executable).with_name("assay")), "binaries", "fetch", "kubectl"]
    with started([*command, *options]) as process:
        yield process


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_until(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.02)


def read_until(stream: IO[str] | None, wanted: str) -> None:
    assert stream is not None
    seen = []
    for line in stream:
        seen.append(line)
        if wanted in line:
            return
    pytest.fail(f"{wanted!r} was not said, but: {''.join(seen)}")


def kubectl() -> Slot:
    return Slot("kubectl", installed_lock().binaries["kubectl"].version)


@pytest.mark.usefixtures("cache")
def test_of_two_callers_one_downloads_and_the_other_waits_and_says_so(
    server: FileServer, release: str
) -> None:
    server.hold_after = SENT

    with fetching() as first:
        assert server.held.wait(30)
        with fetching() as second:
            read_until(second.stderr, "Waiting for kubectl v1.37.2: another process brings it")
            server.go_on.set()
            assert second.wait(30) == 0
        assert first.wait(30) == 0

    assert server.asked_for(release) == [None]
    assert kubectl().path.read_bytes() == server.content


def test_a_download_killed_in_the_middle_is_continued_by_the_next_call(
    server: FileServer, release: str
) -> None:
    server.hold_after = SENT
    with fetching() as killed:
        wait_until(lambda: _size(kubectl().part) == SENT, "the first part of the download")
        killed.send_signal(signal.SIGKILL)
        assert killed.wait(30) == -signal.SIGKILL
    assert not kubectl().filled
    server.hold_after = None

    with fetching("--json") as again:
        said, _ = again.communicate(timeout=30)

    [fetched] = json.loads(said)
    assert (fetched["name"], fetched["source"]) == ("kubectl", "download")
    assert server.asked_for(release) == [None, f"bytes={SENT}-"]
    assert Path(fetched["path"]).read_bytes() == server.content
    assert not kubectl().part.exists()


def test_a_waiting_caller_takes_over_when_the_other_is_killed(
    server: FileServer, release: str
) -> None:
    server.hold_after = SENT

    with fetching() as first:
        wait_until(lambda: _size(kubectl().part) == SENT, "the first part of the download")
        with fetching() as second:
            read_until(second.stderr, "Waiting for kubectl")
            server.hold_after = None
            first.send_signal(signal.SIGKILL)
            assert second.wait(30) == 0

    assert server.asked_for(release) == [None, f"bytes={SENT}-"]
    assert kubectl().path.read_bytes() == server.content


@pytest.mark.parametrize("renames", [0, 1, 2])
@pytest.mark.usefixtures("release")
def test_a_kill_before_any_step_of_the_placement_leaves_no_broken_binary(
    server: FileServer, cache: Path, renames: int
) -> None:
    command = [sys.executable, "-c", KILLED_AT_A_RENAME, str(renames)]
    with started(command) as killed:
        assert killed.wait(30) == -signal.SIGKILL
    assert not kubectl().filled

    with fetching() as again:
        assert again.wait(30) == 0

    assert kubectl().path.read_bytes() == server.content
    assert [path.name for path in kubectl().staging.iterdir()] == ["lock"]
    assert sorted(path.name for path in (cache / "bin").iterdir()) == [
        ".staging",
        "kubectl-v1.37.2",
    ]


@pytest.mark.build
@pytest.mark.skipif(go_command() is None, reason="Go is not installed")
def test_a_build_killed_in_the_middle_leaves_no_compiler_and_is_built_by_the_next_call(
    sources: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOCACHE", str(tmp_path / "empty-go-cache"))
    (sources / "tool" / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    command = [sys.executable, "-c", BUILD_TOOL, str(sources)]
    with started(command) as killed:
        read_until(killed.stdout, " packages")
        compilers = psutil.Process(killed.pid).children(recursive=True)
        killed.send_signal(signal.SIGKILL)
        killed.wait(30)
    slot = Slot("tool", "v1.0.0")
    assert compilers
    assert not slot.filled

    with started(command) as again:
        _, errors = again.communicate(timeout=120)

    assert again.returncode == 0, errors
    assert subprocess.run([str(slot.path)], capture_output=True, check=True).stderr == b"hello\n"
    assert [path.name for path in slot.staging.iterdir()] == ["lock"]
    _, alive = psutil.wait_procs(compilers, timeout=30)
    assert not alive


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.usefixtures("cache")
def test_a_build_and_its_compilers_end_with_the_command(
    sent: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, pids = tmp_path / "go", tmp_path / "pids"
    go.write_text(SLOW_GO)
    go.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("PIDS", str(pids))
    monkeypatch.setenv("ASSAY_BINARIES", "build")

    with fetching() as process:
        wait_until(pids.exists, "the build")
        build = [psutil.Process(int(pid)) for pid in pids.read_text().split()]
        process.send_signal(sent)
        _, errors = process.communicate(timeout=30)

    assert process.returncode == 130
    assert errors.splitlines()[-1] == "assay: interrupted"
    _, alive = psutil.wait_procs(build, timeout=30)
    assert not alive


def test_a_full_disk_is_one_clear_sentence_and_the_download_goes_on_later(
    server: FileServer, release: str, cache: Path
) -> None:
    with small_disk(cache, "512k"):
        with fetching() as process:
            _, errors = process.communicate(timeout=30)
        assert process.returncode == 3
        assert not kubectl().filled
    [line] = [line for line in errors.splitlines() if line.startswith("assay: ")]
    assert "No space left on device; make room there, or choose another folder" in line
    assert "Traceback" not in errors


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    """Mount a small file system on a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
