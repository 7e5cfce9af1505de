"""Offspring: whatever a forked process starts, however it hides, ends with it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

# Played in a process of its own: it adopts orphans, and must have one thread only.
_PREPARATION = """
import os, sys, time
from pathlib import Path
from graders.workers.offspring import Offspring
note = Path(sys.argv[1])

def say():
    with note.open("a") as file:
        print(os.getpid(), file=file, flush=True)

def hide():
    # Twice forked, out of the session and of the group, its parent gone.
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            say()
            time.sleep(1000)
        os._exit(0)
    os.wait()
    say()
    time.sleep(1000)
"""


def play(script: str, note: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", _PREPARATION + script, str(note)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def noted(note: Path, count: int) -> list[psutil.Process]:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        lines = note.read_text().split() if note.exists() else []
        if len(lines) == count:
            return [psutil.Process(int(line)) for line in lines]
        time.sleep(0.02)
    pytest.fail(f"{count} processes were to say who they are")


def test_a_process_that_hides_from_its_worker_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "note"
    zygote = play(
        """
offspring = Offspring()
child = offspring.fork(hide)
sys.stdin.readline()
print(offspring.end(child.pid), flush=True)
time.sleep(1000)
""",
        note,
    )
    hidden, worker = noted(note, 2)
    assert hidden.ppid() not in (worker.pid, 1), "it does not hide, so this tests nothing"

    assert zygote.stdin is not None
    assert zygote.stdout is not None
    zygote.stdin.write("end it\n")
    zygote.stdin.flush()
    assert zygote.stdout.readline() == "SIGKILL\n"

    gone, alive = psutil.wait_procs([hidden, worker], timeout=10)
    zygote.kill()
    zygote.communicate()
    assert alive == []
    assert len(gone) == 2


def test_a_worker_dies_with_the_zygote_that_forked_it(tmp_path: Path) -> None:
    note = tmp_path / "note"
    zygote = play(
        """
Offspring().fork(lambda: (say(), time.sleep(1000)))
time.sleep(1000)
""",
        note,
    )
    (worker,) = noted(note, 1)

    zygote.kill()
    zygote.communicate()

    _, alive = psutil.wait_procs([worker], timeout=10)
    assert alive == []


@pytest.mark.parametrize(
    ("ends", "words"),
    [("os._exit(0)", "exit code 0"), ("os._exit(7)", "exit code 7"), ("os.abort()", "SIGABRT")],
)
def test_how_a_worker_had_ended_is_known(tmp_path: Path, ends: str, words: str) -> None:
    done = play(
        f"""
import select
offspring = Offspring()
child = offspring.fork(lambda: {ends})
select.select([child.handle], [], [])
print(offspring.end(child.pid))
""",
        tmp_path / "note",
    )

    said, _ = done.communicate(timeout=30)

    assert said == f"{words}\n"
