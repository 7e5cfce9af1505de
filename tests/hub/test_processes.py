"""Processes: found by their marks, ended for certain, tied to their parents."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from clusters.errors import PreflightError
from hub import record
from hub.ports import HubPorts, free_port, holder_of, hub_ports, is_free
from hub.processes import created, end, end_marked, is_alive, mark_of, marked, same_process
from hub.proxy import proxy_command

MARK = "ASSAY_TEST_MARK"


def start(command: str, mark: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sh", "-c", command], env={**os.environ, MARK: mark})


def wait_until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_marked_processes_are_found_with_their_children_and_no_others() -> None:
    mark = uuid.uuid4().hex
    ours = start("sleep 60 & wait", f"{mark}/ada/tiny")
    other = start("sleep 60", f"{mark}x")
    try:
        wait_until(lambda: len(marked(MARK, mark)) == 2)

        assert ours.pid in {process.pid for process in marked(MARK, f"{mark}/ada")}
        assert marked(MARK, f"{mark}/ad") == []
        assert mark_of(psutil.Process(ours.pid), MARK) == f"{mark}/ada/tiny"
    finally:
        for value in (mark, f"{mark}x"):
            end_marked(MARK, value, patience=1)
        ours.wait()
        other.wait()


def test_a_process_that_does_not_listen_is_killed() -> None:
    mark = uuid.uuid4().hex
    stubborn = start("trap '' TERM; exec sleep 60", mark)
    wait_until(lambda: psutil.Process(stubborn.pid).name() == "sleep")
    left = end(marked(MARK, mark), patience=0.5)

    assert left == []
    assert stubborn.wait() == -signal.SIGKILL


def test_what_is_started_while_it_ends_ends_too() -> None:
    mark = uuid.uuid4().hex
    busy = start("trap '' TERM; while :; do sleep 0.2; done", mark)
    wait_until(lambda: len(marked(MARK, mark)) == 2)

    assert end_marked(MARK, mark, patience=0.5)
    assert marked(MARK, mark) == []
    assert not end_marked(MARK, mark)
    busy.wait()


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen(["/bin/true"])
    process = psutil.Process(child.pid)
    wait_until(lambda: process.status() == psutil.STATUS_ZOMBIE)

    assert not is_alive(process)
    child.wait()
    assert not is_alive(process)


def test_a_pid_that_was_used_again_is_another_process() -> None:
    pid = os.getpid()

    assert same_process(pid, created(pid))
    assert not same_process(pid, created(pid) - 100)
    assert not same_process(0, 0.0)


def test_a_record_of_a_process_that_is_gone_is_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    assert record.running_supervisor() is None

    written = record.write_record(8123)
    found = record.running_supervisor()
    assert found == written
    assert found.url == "http://127.0.0.1:8123"

    (tmp_path / "hub" / "supervisor.json").write_text('{"pid": 1, "created": 5, "port": 1}')
    assert record.running_supervisor() is None
    (tmp_path / "hub" / "supervisor.json").write_text("{")
    assert record.running_supervisor() is None


def test_a_tethered_process_ends_with_its_parent() -> None:
    mark = uuid.uuid4().hex
    code = (
        "import subprocess, time; from hub.tether import tethered;"
        "subprocess.Popen(tethered(['sleep', '60'])); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, MARK: mark})

    def sleepers() -> list[psutil.Process]:
        return [process for process in marked(MARK, mark) if process.name() == "sleep"]

    wait_until(lambda: bool(sleepers()))
    parent.kill()
    parent.wait()

    wait_until(lambda: marked(MARK, mark) == [])


def test_a_tether_to_a_parent_that_is_gone_starts_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "hub.tether", "1", "echo", "started"],
        capture_output=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stdout == b""


def test_a_port_in_use_has_a_holder() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        assert not is_free(port)
        assert f"(pid {os.getpid()})" in holder_of(port)
    assert is_free(port)
    assert holder_of(port) == ""


def test_the_ports_of_the_hub_stay_until_somebody_takes_them(tmp_path: Path) -> None:
    path = tmp_path / "ports.json"
    first = hub_ports(path)
    assert hub_ports(path) == first

    with socket.create_server(("127.0.0.1", first.hub)):
        second = hub_ports(path)
    assert second.hub != first.hub
    path.write_text("[]")
    assert isinstance(hub_ports(path), HubPorts)
    assert is_free(free_port())


def test_an_old_node_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "node").write_text("#!/bin/sh\necho v18.0.0\n")
    (tmp_path / "node").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(PreflightError, match=r"20 or newer is needed; .* is v18\.0\.0"):
        proxy_command()


def test_a_missing_node_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")

    with pytest.raises(PreflightError, match="not on PATH"):
        proxy_command()
