"""What a confined process can reach: its folder and the interpreter, and nothing else."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from graders.formative import confinement, landlock
from graders.formative.confinement import ConfinementMissing, own_uid, require_confinement
from graders.formative.disposable import have_done

TRIES = """
import json, os, pathlib, socket, subprocess, sys, threading
from graders.catalogue import labs_folder
from graders.formative.confinement import confine
folder, uid, secret, parent = sys.argv[1:]
os.chdir(folder)
left = socket.socket()
confine(pathlib.Path(folder), int(uid) if uid else None, os.getppid())
found = {}
def attempt(name, act):
    try:
        found[name] = str(act())
    except BaseException as error:
        found[name] = type(error).__name__
attempt("own folder", lambda: pathlib.Path("mine").write_text("mine"))
attempt("a module", lambda: __import__("colorsys").__name__)
attempt("a secret", lambda: open(secret).read())
attempt("a folder", lambda: os.listdir(os.path.dirname(secret)))
attempt("the labs", lambda: os.listdir(labs_folder()))
attempt("elsewhere", lambda: open(secret + ".new", "w"))
attempt("a link", lambda: (os.symlink(secret, "link"), open("link").read()))
attempt("another process", lambda: open(f"/proc/{parent}/environ").read())
attempt("internet", lambda: socket.create_connection(("127.0.0.1", 9)))
attempt("unix socket", lambda: socket.socket(socket.AF_UNIX))
attempt("a process", lambda: subprocess.run(["true"]))
attempt("a fork", os.fork)
attempt("exec", lambda: os.execv(sys.executable, [sys.executable]))
attempt("a thread", threading.Thread(target=print).start)
attempt("a signal", lambda: os.kill(int(parent), 0))
attempt("account", lambda: os.setuid(0) or os.getuid() == 0)
attempt("a socket from before", lambda: left.connect(("127.0.0.1", 9)))
print(json.dumps(found))
"""


def tried(folder: Path, secret: Path, uid: int | None) -> dict[str, str]:
    """Try everything in a confined process."""
    folder.mkdir(mode=0o700)
    if uid is not None:
        os.chown(folder, uid, uid)
    arguments = [str(folder), "" if uid is None else str(uid), str(secret), str(os.getpid())]
    done = subprocess.run(
        [sys.executable, "-c", TRIES, *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text("secret")
    path.chmod(0o644)
    return path


def test_a_confined_process_reaches_nothing_but_its_folder(tmp_path: Path, secret: Path) -> None:
    require_confinement()

    found = tried(tmp_path / "own", secret, None)

    assert (found.pop("own folder"), found.pop("a module")) == ("4", "colorsys")
    assert found.pop("account") in ("PermissionError", "True")  # root stays root, with no rights
    assert found.pop("a thread") == "RuntimeError"
    assert set(found.values()) <= {"PermissionError", "OSError"}, found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give another account")
def test_root_gives_a_confined_process_an_account_of_its_own(tmp_path: Path, secret: Path) -> None:
    tmp_path.chmod(0o711)
    for folder in tmp_path.parents[:2]:
        folder.chmod(0o711)

    found = tried(tmp_path / "own", secret, confinement.FIRST_UID)

    assert found["own folder"] == "4"
    assert found["account"] == "PermissionError"
    assert found["a secret"] == "PermissionError"


def test_an_account_of_its_own_is_given_only_where_it_can_read_the_interpreter(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(confinement, "_is_public", lambda path: False)
    assert own_uid() is None

    monkeypatch.setattr(confinement, "_is_public", lambda path: True)
    uid = own_uid()
    assert uid is not None
    assert uid >= confinement.FIRST_UID

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert own_uid() is None


def test_a_host_that_cannot_confine_grades_no_code_and_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)

    with pytest.raises(ConfinementMissing, match=r"it lacks Landlock \(Linux 5.13\)"):
        require_confinement()


STUCK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {},
    "cells": [
        {
            "cell_type": "code",
            "metadata": {"nbgrader": {"schema_version": 3, "solution": True, "grade_id": "a"}},
            "source": "import signal\nsignal.setitimer(signal.ITIMER_REAL, 0)\nwhile True: pass",
            "outputs": [],
            "execution_count": None,
        }
    ],
}


def test_a_killed_grader_leaves_no_process(tmp_path: Path) -> None:
    code = "import json, sys; from graders.formative.disposable import have_done; "
    code += "have_done(json.loads(sys.argv[1]))"
    order = json.dumps({"do": "validate", "notebook": STUCK})
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    grader = subprocess.Popen([sys.executable, "-c", code, order], env=environment)
    deadline = time.monotonic() + 60
    family: list[psutil.Process] = []
    while len(family) < 3 or family[-1].cpu_times().user < 0.5:
        assert time.monotonic() < deadline
        time.sleep(0.05)
        family = psutil.Process(grader.pid).children(recursive=True)
        family.sort(key=lambda process: process.cpu_times().user)

    grader.send_signal(signal.SIGKILL)
    grader.wait()

    gone, alive = psutil.wait_procs(family, timeout=10)
    assert (len(gone), alive) == (3, [])


def test_a_grading_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.process_iter()}

    with pytest.raises(Exception, match="not graded within 1 s"):
        have_done({"do": "validate", "notebook": STUCK}, seconds=1)

    mine = [p for p in psutil.Process().children(recursive=True) if p.pid not in before]
    assert mine == []
