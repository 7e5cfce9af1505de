"""A platform of its own for the tour: free port, state in a folder that is removed afterwards."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from hub.tour.session import StoryBroken


@dataclass
class OwnPlatform:
    """A throwaway platform; a context manager that leaves nothing behind."""

    home: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="assay-")))
    """State folder; short, because unix socket paths are."""
    up: dict[str, Any] = field(default_factory=dict)
    """What `assay up --json` printed."""

    def __enter__(self) -> Self:
        """Start the platform as a person would."""
        try:
            self.up = json.loads(self.assay("up", "--port", str(_free_port()), "--json"))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop it, delete every cluster, remove the folder."""
        try:
            self.assay("down", "--clusters", "delete")
        finally:
            shutil.rmtree(self.home, ignore_errors=True)

    @property
    def url(self) -> str:
        """Address of the platform."""
        return str(self.up["url"]).rstrip("/")

    def password_of(self, name: str) -> str:
        """Return the password that was shown for an account."""
        return next(str(a["password"]) for a in self.up["accounts"] if a["name"] == name)

    def assay(self, *arguments: str, expect: int = 0) -> str:
        """Run the command `assay` on this platform and return its standard output.

        Raises:
            StoryBroken: it left with another code than expected.
        """
        command = [sys.executable, "-m", "clusters.cli", *arguments]
        environment = {**os.environ, "ASSAY_HOME": str(self.home)}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        if done.returncode != expect:
            said = (done.stderr or done.stdout).strip()[-2000:]
            raise StoryBroken(
                f"`assay {' '.join(arguments)}` left with {done.returncode}, not {expect}: {said}"
            )
        return done.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
