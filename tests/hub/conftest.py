"""A platform of its own for tests: hub, proxy, proctor, site and clusters, all real."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

from hub.installation import NOTEBOOK_MARK, PLATFORM_MARK
from hub.processes import marked
from hub.tour.session import LearnerSession

collect_ignore = ["labs"]  # those are checks of labs, run by the platform
LABS = Path(__file__).with_name("labs")
CONFIG = Path(__file__).with_name("faster_config.py")
T = TypeVar("T")


class Platform:
    """An installation under a folder of its own."""

    def __init__(self, **settings: str) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="assay-", dir="/tmp"))  # short: unix sockets
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.id = hashlib.sha256(str(self.home).encode()).hexdigest()[:12]
        self._settings = {"ASSAY_HOME": str(self.home), "ASSAY_LABS": str(LABS), **settings}
        self.passwords: dict[str, str] = {}
        self._sessions: list[LearnerSession] = []

    def assay(self, *arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "clusters.cli", *arguments],
            env={**os.environ, **self._settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == expect, f"{arguments}: {done.stdout}{done.stderr}{self.log()}"
        return done

    def document(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.assay(*arguments, "--json", expect=expect).stdout)

    def up(self) -> Any:
        started = self.document("up", "--port", str(self.port))
        self.passwords |= {a["name"]: a["password"] for a in started["accounts"]}
        return started

    def add_learner(self, name: str) -> None:
        self.add_account(name, "learner")

    def add_account(self, name: str, role: str) -> None:
        made = self.document("account", "add", name, "--role", role)
        self.passwords[name] = made["password"]

    def stranger(self, name: str) -> LearnerSession:
        self._sessions.append(LearnerSession(self.url, name))
        return self._sessions[-1]

    def session(self, name: str) -> LearnerSession:
        session = self.stranger(name)
        session.sign_in(self.passwords[name])
        return session

    def clusters(self) -> list[Any]:
        return list(self.document("cluster", "list"))

    def attempts(self, learner: str) -> list[Any]:
        return list(self.document("attempt", "list", "--learner", learner))

    def processes(self) -> list[psutil.Process]:
        """Every process of this platform, its notebooks and its clusters."""
        found = marked(PLATFORM_MARK, self.id) + marked(NOTEBOOK_MARK, self.id)
        return found + marked("ASSAY_CLUSTER", f"{self.home}/clusters")

    def notebooks_of(self, learner: str) -> list[psutil.Process]:
        """The notebook servers of a learner with everything they started."""
        return marked(NOTEBOOK_MARK, f"{self.id}/{learner}")

    def process(self, *words: str) -> psutil.Process:
        """The oldest process of the platform whose command line has all these words."""
        found = [p for p in self.processes() if all(w in " ".join(p.cmdline()) for w in words)]
        assert found, f"no process with {words}"
        return min(found, key=lambda process: process.create_time())

    def finish_all(self) -> None:
        """End every attempt, so that there is room for the next tests."""
        for attempt in self.document("attempt", "list"):
            if attempt["state"] in ("starting", "open"):
                self.assay("lab", "finish", attempt["lab"], "--learner", attempt["learner"])

    def log(self) -> str:
        path = self.home / "logs" / "hub.log"
        return path.read_text(errors="replace")[-6000:] if path.exists() else ""

    def remove(self) -> None:
        for session in self._sessions:
            session._http.close()
        self.assay("down", "--clusters", "delete")
        left = self.processes()
        for process in left:
            process.kill()
        shutil.rmtree(self.home)
        assert not left, f"left running: {left}"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def wait_for(find: Callable[[], T], what: str, seconds: float = 60) -> T:
    """Return the first thing found that is true."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"in {seconds} s there was no {what}"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    """One platform for all tests of the hub, because a start costs several seconds."""
    running = Platform(ASSAY_MAX_CLUSTERS="2", ASSAY_HUB_CONFIG=str(CONFIG))
    try:
        running.up()
        yield running
    finally:
        running.remove()
