"""The processes of a cluster: detached, and found again by their marks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from clusters.providers.embedded import processes

WaitUntil = Callable[[Callable[[], object]], None]
SLEEP = ["/bin/sleep", "600"]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "demo"
    folder.mkdir()
    yield folder
    processes.stop_cluster(folder)


def start(folder: Path, command: list[str] | None = None) -> psutil.Process:
    return processes.start_detached("etcd", command or SLEEP, folder, folder / "log", {"A": "b"})


def test_a_process_is_found_by_cluster_and_component(folder: Path) -> None:
    process = start(folder)

    assert processes.find_clusters(folder.parent) == {"demo": {"etcd": [process]}}
    assert processes.find_cluster(folder) == {"etcd": [process]}


def test_clusters_of_another_installation_are_not_seen(folder: Path, tmp_path: Path) -> None:
    start(folder)

    assert processes.find_clusters(tmp_path / "other") == {}
    assert processes.find_clusters(tmp_path.parent) == {}


def test_a_process_gets_nothing_of_our_environment(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "s3cret")

    environment = start(folder).environ()

    assert "SECRET" not in environment
    assert environment["A"] == "b"


def test_a_process_is_nobodys_child_and_leads_no_terminal(folder: Path) -> None:
    process = start(folder)

    assert process.ppid() != os.getpid()
    assert os.getsid(process.pid) != os.getsid(0)


def test_a_process_outlives_who_started_it(folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from clusters.providers.embedded import processes;"
        "f = Path(sys.argv[1]);"
        "processes.start_detached('kwok', ['/bin/sleep', '600'], f, f / 'log', {})"
    )

    subprocess.run([sys.executable, "-c", code, str(folder)], check=True)

    assert list(processes.find_cluster(folder)) == ["kwok"]


def test_what_a_process_says_is_in_its_log(folder: Path, wait_until: WaitUntil) -> None:
    start(folder, ["/bin/sh", "-c", "echo out; echo err >&2; touch said; exec sleep 600"])
    wait_until((folder / "said").exists)

    assert (folder / "log").read_text() == "out\nerr\n"
    assert (folder / "log").stat().st_mode & 0o777 == 0o600


def test_stopping_a_cluster_leaves_none_of_its_processes(folder: Path) -> None:
    stubborn = ["/bin/sh", "-c", "trap '' TERM INT; while :; do sleep 1; done"]
    group = [start(folder), start(folder, stubborn), start(folder)]

    processes.stop_cluster(folder)

    assert not any(processes.alive(process) for process in group)
    assert processes.find_cluster(folder) == {}


def test_stopping_a_cluster_leaves_the_processes_of_others(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    survivor = start(other)
    start(folder)

    processes.stop_cluster(folder)

    assert processes.alive(survivor)
    processes.stop_cluster(other)


def test_a_process_that_ended_is_not_alive(folder: Path, wait_until: WaitUntil) -> None:
    process = start(folder)
    process.kill()
    wait_until(lambda: not processes.alive(process))

    assert processes.find_cluster(folder) == {}
    assert processes.resident_memory(process) == 0


def test_a_process_that_exchanges_its_program_this_moment_ends_with_its_cluster(
    folder: Path, wait_until: WaitUntil
) -> None:
    """Between two programs a process has no environment, and so no mark."""
    marks = [f"{processes.CLUSTER_MARK}={folder}", f"{processes.COMPONENT_MARK}=door"]
    script = f"/bin/sleep 0.5; exec /usr/bin/env {' '.join(marks)} /bin/sleep 600"
    with subprocess.Popen(["/bin/sh", "-c", script], env={}, stdin=subprocess.DEVNULL) as process:
        processes.stop_cluster(folder)

        wait_until(lambda: processes.find_cluster(folder) or process.poll() is not None)
        ended = process.poll() is not None
        process.kill()
    assert ended
