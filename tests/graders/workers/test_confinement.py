"""Confinement: what a process that loads a lab cannot do. Each is really tried."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from graders.formative import landlock
from graders.workers import confinement

_TRIAL = """
import json, os, socket, sys
from pathlib import Path
from graders.workers.confinement import confine
readable, secret, empty, port = Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4]
confined = confine(readable, 7, empty)

def tried(work):
    try:
        return str(work())
    except OSError as error:
        return type(error).__name__

def leave_folder_open():
    return (empty / "left").write_text("x")

print(json.dumps({
    "confined": confined._asdict(),
    "reads its lab": tried((readable / "check.py").read_text),
    "reads a secret": tried(secret.read_text),
    "reads of the machine": tried(Path("/etc/passwd").read_text),
    "writes": tried(leave_folder_open),
    "connects": tried(lambda: socket.create_connection(("127.0.0.1", int(port)), 2)),
    "sees beside its lab": tried(lambda: sorted(os.listdir(readable.parent))),
    "imports late": tried(lambda: __import__("colorsys").__name__),
    "becomes root": tried(lambda: os.setuid(0) or os.chown(empty, 1, 1)),
    "uid": os.getuid(),
}))
"""


@pytest.fixture(scope="module")
def confined(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a confined process could do."""
    folder = tmp_path_factory.mktemp("confined")
    for name in ("lab", "empty", "keys"):
        (folder / name).mkdir()
    folder.chmod(0o700)
    (folder / "lab" / "check.py").write_text("a check")
    (folder / "keys" / "proctor.pem").write_text("the key")
    with socket.create_server(("127.0.0.1", 0)) as server:
        places = [folder / "lab", folder / "keys" / "proctor.pem", folder / "empty"]
        done = subprocess.run(
            [sys.executable, "-c", _TRIAL, *map(str, places), str(server.getsockname()[1])],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_it_reads_its_lab(confined: dict[str, Any]) -> None:
    assert confined["reads its lab"] == "a check"


def test_it_reads_nothing_of_the_platform(confined: dict[str, Any]) -> None:
    if landlock.version() < 1 and os.geteuid() != 0:
        pytest.skip("this host has no Landlock, and another account needs root")
    assert confined["reads a secret"] in ("PermissionError", "FileNotFoundError")


def test_it_reads_nothing_of_the_machine(confined: dict[str, Any]) -> None:
    if landlock.version() < 1:
        pytest.skip("this host has no Landlock")
    assert confined["reads of the machine"] == "PermissionError"


def test_it_writes_nothing(confined: dict[str, Any]) -> None:
    if landlock.version() < 1:
        pytest.skip("this host has no Landlock")
    assert confined["writes"] in ("PermissionError", "OSError", "FileNotFoundError")


def test_it_has_no_network(confined: dict[str, Any]) -> None:
    if not confined["confined"]["network"]:
        pytest.skip("this host lets no process leave the network")
    assert confined["connects"] in ("OSError", "ConnectionRefusedError", "PermissionError")


def test_it_has_no_rights_of_root(confined: dict[str, Any]) -> None:
    assert confined["becomes root"] == "PermissionError"


def test_it_says_what_holds(confined: dict[str, Any]) -> None:
    assert confined["confined"]["files"] is (landlock.version() >= 1)
    assert confined["confined"]["account"] is (confined["uid"] >= confinement.FIRST_UID)


def test_root_gives_it_an_account_of_its_own(confined: dict[str, Any]) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives other accounts")
    if not _may_mount():
        pytest.skip("this host lets root mount nothing")
    assert confined["uid"] == confinement.FIRST_UID + 7


def test_its_account_reads_what_lies_in_a_private_home_and_sees_nothing_else_there(
    confined: dict[str, Any],
) -> None:
    assert confined["reads its lab"] == "a check"
    assert confined["imports late"] == "colorsys"
    assert "keys" not in confined["sees beside its lab"]


def test_nobody_else_sees_a_passage(confined: dict[str, Any], tmp_path: Path) -> None:
    """It was mounted for one process, which has ended; mounts of this one are as they were."""
    assert "cover" not in Path("/proc/self/mounts").read_text()


def test_nobody_but_root_gives_another_account(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert confinement._own_uid(1, [tmp_path]) is None


def test_an_account_that_could_not_read_the_lab_is_not_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    private = tmp_path / "checks"
    private.mkdir(mode=0o700)

    assert confinement._own_uid(1, [private]) is None


def _may_mount() -> bool:
    trial = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0
