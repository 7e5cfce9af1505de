"""Asking the host's own apt, in a folder of ours: the host's packages and lists stay as they are.

Which archive is asked is what the host's sources say, or `ASSAY_DEBIAN` (a base URL such as
`http://archive.example.org/debian`).
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from clusters.errors import CommandError, PreflightError

_KEPT = 6
"""Lines of apt's complaint that are shown."""


class Apt:
    """The host's apt with state of its own."""

    def __init__(self, folder: Path, suite: str, architecture: str = "") -> None:
        """Prepare; nothing is asked yet.

        Args:
            folder: for lists and state; made where it is missing.
            suite: Debian release, for example `bookworm`.
            architecture: as Debian names it; empty means the host's.

        Raises:
            PreflightError: there is no apt on this host.
        """
        if shutil.which("apt-get") is None:
            raise PreflightError(
                "building images needs apt (Debian or Ubuntu), which this host lacks: "
                "import one that was built elsewhere with `assay images import`"
            )
        self._folder = folder
        self._options = _options(folder, architecture)
        if base := os.environ.get("ASSAY_DEBIAN", "").rstrip("/"):
            self._options += _sources(folder, base, suite)

    def update(self) -> None:
        """Learn what the archives offer.

        Raises:
            CommandError: no archive answered.
        """
        self.run("apt-get", "update", "-q")

    def run(self, program: str, *words: str, cwd: Path | None = None) -> str:
        """Run one of apt's programs and return what it prints.

        Raises:
            CommandError: it refused; holds the end of its complaint.
        """
        command = [program, *self._options, *words]
        done = subprocess.run(
            command,
            cwd=cwd or self._folder,
            env=os.environ | {"LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
        )
        if done.returncode != 0:
            shown = "\n".join(done.stderr.strip().splitlines()[-_KEPT:])
            raise CommandError(f"{program} {words[0]} failed:\n{shown}")
        return done.stdout


def _options(folder: Path, architecture: str) -> list[str]:
    for needed in ("lists/partial", "cache/archives/partial"):
        (folder / needed).mkdir(parents=True, exist_ok=True)
    (folder / "status").touch()
    settings = {
        "Dir::State": folder,
        "Dir::State::lists": folder / "lists",
        "Dir::State::status": folder / "status",
        "Dir::Cache": folder / "cache",
        "Debug::NoLocking": "1",
        # The account _apt may not enter a private folder; what comes is verified by us.
        "APT::Sandbox::User": "root",
        # Descriptions in languages and the like, which nobody reads here.
        "Acquire::Languages": "none",
    }
    if architecture:
        settings |= {"APT::Architecture": architecture, "APT::Architectures": architecture}
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def _sources(folder: Path, base: str, suite: str) -> Sequence[str]:
    """Use this archive alone; packages are held against the lock, so its signature adds nothing."""
    lines = [
        f"deb [trusted=yes] {base} {suite} main",
        f"deb [trusted=yes] {base} {suite}-updates main",
        f"deb [trusted=yes] {base}-security {suite}-security main",
    ]
    sources = folder / "sources.list"
    sources.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return ["-o", f"Dir::Etc::sourcelist={sources}", "-o", "Dir::Etc::sourceparts=-"]
