"""ClusterFolder: files that appear whole, and a lock that ends with its holder."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from clusters.errors import ClusterError
from clusters.inventory import default_inventory
from clusters.providers.embedded import folder as folder_module
from clusters.providers.embedded.folder import ClusterFolder, Record

RECORD = Record("demo", "attempt:1", "v1.37.2", 20001, "2026-01-01T00:00:00Z", default_inventory())
HOLD = """
import sys, time
from pathlib import Path
from clusters.providers.embedded.folder import ClusterFolder
with ClusterFolder(Path(sys.argv[1])).locked():
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    return ClusterFolder(tmp_path / "demo")


def test_a_record_is_read_as_it_was_written(folder: ClusterFolder) -> None:
    with folder.locked():
        folder.write_record(RECORD)

        assert folder.record() == RECORD


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"name": "demo"}', "null"])
def test_a_record_that_cannot_be_read_is_none(folder: ClusterFolder, content: str) -> None:
    with folder.locked():
        (folder.path / "cluster.json").write_text(content)

        assert folder.record() is None


def test_nobody_else_can_read_what_is_written(folder: ClusterFolder) -> None:
    with folder.locked():
        folder.write_record(RECORD)
        folder.write_files({"pki/key": b"secret", "learner.kubeconfig": b"secret"})

    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in folder.path.rglob("*")}
    assert modes.pop("pki") == "0o700"
    assert set(modes.values()) == {"0o600"}
    assert folder.path.stat().st_mode & 0o777 == 0o700


def test_one_command_at_a_time_has_the_lock(
    folder: ClusterFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "LOCK_SECONDS", 0.2)

    with folder.locked(), pytest.raises(ClusterError, match="still working on cluster demo"):
        with folder.locked():
            pass


def test_a_killed_command_holds_no_lock(folder: ClusterFolder) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder.path)], stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.send_signal(signal.SIGKILL)

        with folder.locked():
            pass


def test_who_waited_for_a_folder_that_was_removed_locks_the_new_one(folder: ClusterFolder) -> None:
    entered = threading.Event()

    def wait_for_it() -> None:
        with folder.locked():
            folder.write_record(RECORD)
            entered.set()

    with folder.locked():
        waiting = threading.Thread(target=wait_for_it)
        waiting.start()
        folder.remove()
    waiting.join(timeout=10)

    assert entered.is_set()
    assert folder.record() == RECORD


def test_what_the_cluster_was_to_be_is_removed_last(
    folder: ClusterFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(path: Path) -> None:
        raise OSError("killed here")

    with folder.locked():
        folder.write_record(RECORD)
        folder.write_files({"logs/etcd.log": b""})
        monkeypatch.setattr("shutil.rmtree", fail)

        with pytest.raises(OSError, match="killed here"):
            folder.remove()

    assert json.loads((folder.path / "cluster.json").read_text())["owner"] == "attempt:1"
