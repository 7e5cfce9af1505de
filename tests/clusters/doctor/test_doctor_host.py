"""Probes of what every installation needs, on the real host and on made-up numbers."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from clusters.binaries.lock import installed_lock
from clusters.binaries.store import Slot
from clusters.doctor import State
from clusters.doctor.finding import ask
from clusters.doctor.host import (
    probe_binaries,
    probe_cores,
    probe_disk,
    probe_go,
    probe_memory,
    probe_node,
    probe_port,
    probe_python,
)

GIB = 1 << 30


def program(folder: Path, name: str, script: str) -> str:
    """Write a fake program that does what the script says."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_the_python_that_runs_this_test_is_good_enough() -> None:
    finding = probe_python()

    assert finding.state is State.OK
    assert finding.found == ".".join(map(str, sys.version_info[:3]))


def test_an_old_python_is_missing() -> None:
    assert probe_python((3, 10, 4)).state is State.MISSING


def test_the_node_of_this_host_is_good_enough() -> None:
    assert probe_node().state is State.OK


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ("echo v18.19.0", "v18.19.0 is too old"),
        ("echo what?", "what?"),
        ("echo broken >&2; exit 1", "broken"),
    ],
)
def test_a_node_that_is_not_good_enough_says_which_is(
    tmp_path: Path, script: str, found: str
) -> None:
    finding = probe_node(program(tmp_path, "fake-node", script))

    assert (finding.state, finding.found) == (State.MISSING, found)
    assert "Node.js 20 or newer" in finding.fix


def test_a_missing_node_says_how_to_get_it() -> None:
    finding = probe_node("no-such-node")

    assert (finding.state, finding.found) == (State.MISSING, "no-such-node is not installed")


def test_a_go_that_is_too_old_only_warns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_go = program(tmp_path, "go", "echo go1.19.8")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    finding = probe_go()

    assert (finding.state, finding.found) == (State.WARN, f"{fake_go} is 1.19.8")
    assert "install Go 1.26 or newer" in finding.fix


def test_no_go_only_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("clusters.binaries.build._USUAL_PLACE", "/nowhere/go")

    assert (probe_go().state, probe_go().found) == (State.WARN, "not installed")


def test_missing_binaries_are_named_with_the_command_that_brings_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_CACHE", str(tmp_path))
    for name, binary in installed_lock().binaries.items():
        if name not in ("kwok", "kubectl"):
            path = Slot(name, binary.version).path
            path.parent.mkdir(parents=True)
            path.touch(0o755)

    finding = probe_binaries()

    assert (finding.state, finding.found) == (State.WARN, "not in the cache: kubectl, kwok")
    assert "assay binaries fetch" in finding.fix


def test_the_disk_is_looked_at_without_making_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"

    finding = probe_disk("Disk", folder, "ASSAY_HOME")

    assert finding.found.endswith(f"GiB free in {folder}")
    assert not (tmp_path / "not").exists()


@pytest.mark.parametrize(
    ("free", "state"), [(GIB // 2, State.MISSING), (5 * GIB, State.WARN), (50 * GIB, State.OK)]
)
def test_a_disk_is_judged_by_its_free_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, state: State
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=free))

    finding = probe_disk("Disk", tmp_path, "ASSAY_HOME")

    assert finding.state is state
    assert bool(finding.fix) == (state is not State.OK)


@pytest.mark.parametrize(
    ("free", "state"), [(GIB // 2, State.MISSING), (2 * GIB, State.WARN), (20 * GIB, State.OK)]
)
def test_memory_is_judged_by_how_many_clusters_fit(free: int, state: State) -> None:
    finding = probe_memory(free)

    assert finding.state is state
    assert f"about {free // (450 << 20)} embedded clusters" in finding.found


def test_one_core_only_warns() -> None:
    assert probe_cores(1).state is State.WARN
    assert probe_cores(2).state is State.OK


def test_a_busy_port_says_which_flag_chooses_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        busy = probe_port(port)

    assert (busy.state, busy.found) == (State.WARN, "127.0.0.1: Address already in use")
    assert "assay up --port" in busy.fix
    assert probe_port(port).state is State.OK


def test_a_program_that_hangs_is_asked_only_so_long(tmp_path: Path) -> None:
    answer = ask([program(tmp_path, "fake-docker", "exec sleep 60")], seconds=0.2)

    assert not answer.ok
    assert answer.text.endswith("did not answer in 0.2 s")


def test_a_file_that_is_no_program_is_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("words")

    assert ask([str(path)]) == (False, f"{path} cannot be run: Permission denied")
