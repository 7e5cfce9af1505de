"""Supervisor: keeps JupyterHub running until it is told to stop: `python -m hub.supervisor PORT`.

One for each installation. A hub that dies is started again; what it left behind is ended first, so
that no old service keeps a port. Notebook servers are left alone: the new hub finds them.
"""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import TextIO

from clusters.cli.output import end_with
from clusters.errors import AssayError, PreflightError
from hub.health import hub_answers
from hub.installation import PLATFORM_MARK, hub_folder, installation_id
from hub.processes import end_marked
from hub.record import Record, remove_record, write_record
from hub.tether import tethered

CONFIG = Path(__file__).with_name("jupyterhub_config.py")
STOP_PATIENCE = 25.0
"""Seconds the hub has to stop its services and its proxy."""
LONGEST_PAUSE = 30.0
"""Seconds between two starts of a hub that keeps dying."""
_LOOK_EVERY = 1.0


class Supervisor:
    """Runs the hub again and again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._stopping = False

    def run(self) -> None:
        """Keep the hub running until SIGTERM or SIGINT.

        Raises:
            PreflightError: the hub ended before it ever answered; its log says why.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        record = write_record(self._port)
        try:
            self._keep_running(record)
        finally:
            end_marked(PLATFORM_MARK, installation_id())
            remove_record()

    def _keep_running(self, record: Record) -> None:
        healthy_once, pause = False, 1.0
        while not self._stopping:
            end_marked(PLATFORM_MARK, installation_id())
            began = time.monotonic()
            answered = self._run_hub(record)
            if self._stopping:
                return
            healthy_once = healthy_once or answered
            if not healthy_once:
                raise PreflightError("the hub ended before it answered; its log says why")
            pause = 1.0 if time.monotonic() - began > 60 else min(pause * 2, LONGEST_PAUSE)
            _say(f"the hub ended; starting it again in {pause:.0f} s")
            self._sleep(pause)

    def _run_hub(self, record: Record) -> bool:
        """Run one hub to its end; return whether it ever answered."""
        environment = {
            **os.environ,
            "ASSAY_PORT": str(self._port),
            PLATFORM_MARK: installation_id(),
        }
        command = [sys.executable, "-m", "jupyterhub", "-f", str(CONFIG)]
        hub = subprocess.Popen(
            tethered(command), env=environment, cwd=hub_folder(), stdin=subprocess.DEVNULL
        )
        answered = False
        while hub.poll() is None and not self._stopping:
            answered = answered or hub_answers(record.url)
            self._sleep(_LOOK_EVERY)
        if hub.poll() is None:
            _end_child(hub)
        return answered

    def _sleep(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not self._stopping and time.monotonic() < deadline:
            time.sleep(0.1)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True


def _end_child(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOP_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _lock() -> TextIO:
    """Return the lock of this installation; it is held as long as the file is open.

    Raises:
        PreflightError: another supervisor holds it.
    """
    file = (hub_folder() / "supervisor.lock").open("a", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PreflightError("another supervisor runs this installation: `assay status`") from error
    return file


def _say(sentence: str) -> None:
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S')} supervisor: {sentence}", file=sys.stderr)


def main(port: int) -> None:
    """Supervise this installation until told to stop."""
    os.umask(0o077)
    try:
        with _lock():
            Supervisor(port).run()
    except AssayError as error:
        end_with(error)


if __name__ == "__main__":
    main(int(sys.argv[1]))
