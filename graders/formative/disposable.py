"""Disposable workers: starts one for a grading, and leaves nothing of it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from graders.errors import GradingError
from graders.formative.confinement import own_uid
from graders.formative.worker import ROLES

WORKER_SECONDS = 180.0
"""A whole grading must end within this."""
_PREFIX = "assay-formative-"
_ABANDONED = 3600.0
"""A folder older than so many seconds belonged to a grader that was killed."""


def have_done(order: Mapping[str, Any], seconds: float = WORKER_SECONDS) -> dict[str, Any]:
    """Have a new worker do an order, and return its answer.

    Args:
        order: plain JSON values.
        seconds: how long it may take.

    Raises:
        GradingError: it could not be done; the sentence says why.
    """
    _sweep()
    with tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder:
        uids = _make_folders(Path(folder))
        text = _run(Path(folder), uids, json.dumps(order) + "\n", seconds)
    try:
        answer: dict[str, Any] = json.loads(text)
    except ValueError:
        raise GradingError("The grader of the cells ended without an answer") from None
    if "broken" in answer:
        raise GradingError(str(answer["broken"]))
    return answer


def _make_folders(parent: Path) -> list[str]:
    """Make a folder for each process, its own alone; return their uids as arguments."""
    uids = []
    parent.chmod(0o711)
    for role in ROLES:
        folder = parent / role
        folder.mkdir(mode=0o700)
        if (uid := own_uid()) is not None:
            os.chown(folder, uid, uid)
        uids.append("-" if uid is None else str(uid))
    return uids


def _run(folder: Path, uids: list[str], order: str, seconds: float) -> str:
    try:
        worker = subprocess.Popen(
            [sys.executable, "-I", "-B", "-m", "graders.formative.worker", str(os.getpid()), *uids],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=folder,
            env=_environment(folder / ROLES[0]),
            start_new_session=True,
        )
    except OSError as error:
        raise GradingError(f"This host could not start the grader: {error.strerror}") from error
    try:
        return worker.communicate(order, timeout=seconds)[0]
    except subprocess.TimeoutExpired:
        raise GradingError(f"The cells were not graded within {seconds:.0f} s") from None
    finally:
        _kill_tree(worker)


def _environment(home: Path) -> dict[str, str]:
    """Return the worker's whole environment: nothing of the platform's, above all no secrets."""
    places = {name: str(home) for name in ("HOME", "TMPDIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    return {**places, "PATH": "", "LANG": "C.UTF-8", "TZ": "UTC", "PYTHONWARNINGS": "ignore"}


def _kill_tree(worker: subprocess.Popen[str]) -> None:
    """Kill the worker with its rooms, which are groups of their own, and wait for them."""
    with suppress(psutil.NoSuchProcess):
        rooms = psutil.Process(worker.pid).children(recursive=True) if worker.poll() is None else []
        for room in rooms:
            with suppress(psutil.NoSuchProcess):
                room.kill()
    worker.kill()
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        if pipe is not None:
            pipe.close()


def _sweep() -> None:
    """Remove the folders of graders that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            about = folder.lstat()
            if about.st_uid == os.geteuid() and time.time() - about.st_mtime > _ABANDONED:
                shutil.rmtree(folder, ignore_errors=True)
