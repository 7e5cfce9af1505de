"""A Pod without a cluster: a sandbox as the runner makes it, for the tests of what it holds."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from clusters.podrunner.spawning import Mark, Spawned, hold_pod, start_container

ACCOUNT = 1_234_567_890 if os.geteuid() == 0 else None
POD = "11111111-2222-3333-4444-555555555555"


def wait_until(holds: Callable[[], object], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not true after {seconds} s"
        time.sleep(0.02)


class Pod:
    """A Pod without a cluster: its namespaces, and containers in them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("root", "empty", "config"):
            (folder / name).mkdir()
        (folder / "config" / "key").write_text("value")
        self.attempt = 0
        empty = {"path": str(folder / "empty"), "size": 1 << 20}
        self.holder = hold_pod(Mark(POD), folder, {"hostname": "web-0", "volumes": [empty]})

    def order(self, *command: str, **changed: Any) -> dict[str, Any]:
        python = os.path.realpath(sys.base_prefix)
        volumes = [
            self.volume("empty", "/data", read_only=False),
            self.volume("config", "/usr/share/nginx/html", read_only=True),
        ]
        return {
            "folder": str(self.folder),
            "attempt": str(self.attempt),
            "root": str(self.folder / "root"),
            "size": 1 << 24,
            "shm": 1 << 20,
            "uid": ACCOUNT,
            "limits": {"RLIMIT_NPROC": 64, "RLIMIT_FSIZE": 1 << 20},
            "shown": {} if python.startswith("/usr/") else {python: python},
            "links": {"/opt/assay/bin/python3": os.path.realpath(sys.executable)},
            "files": {"/etc/passwd": "root:x:0:0::/root:/bin/sh\n"},
            "volumes": volumes,
            "directory": "/",
            "read_only": False,
            "environment": {"PATH": "/opt/assay/bin:/usr/bin:/bin", "SECRET": "s3cret"},
            "command": list(command),
            **changed,
        }

    def volume(self, name: str, target: str, **changed: Any) -> dict[str, Any]:
        source = str(self.folder / name)
        usual = {"source": source, "sub_path": "", "target": target, "read_only": False}
        return {**usual, "uid": ACCOUNT, **changed}

    def start(self, *command: str, **changed: Any) -> Spawned:
        self.attempt += 1
        mark = Mark(POD, "main", self.attempt)
        return start_container(mark, self.folder, self.order(*command, **changed), self.holder)

    def run(self, *command: str, **changed: Any) -> str:
        """Run a container to its end, and return what it said."""
        with closing(self.start(*command, **changed)) as process:
            wait_until(lambda: not process.alive)
        text = (self.folder / f"{self.attempt}.log").read_text()
        return "".join(line.split(" ", 3)[3] for line in text.splitlines(keepends=True))

    def result(self) -> int:
        """Return the exit code of what ran last."""
        return int(json.loads((self.folder / f"{self.attempt}.json").read_text())["exit_code"])
