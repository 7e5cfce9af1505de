"""The files of one Pod: what a runner that was killed leaves to the next one.

clusters/<name>/pods/<uid>/          0700
  pod.json                           namespace, name, node and address; written before it starts
  volumes/<name>/                    contents of volumes
  containers/<name>/<n>.start        when attempt n began
  containers/<name>/<n>.log          what it said; the part before is <n>.log.1
  containers/<name>/<n>.json         how it ended, written by its first process
"""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_KEPT = 2
"""Attempts whose logs are kept: `kubectl logs --previous` shows the one before."""


@dataclass(frozen=True)
class PodRecord:
    """What a Pod got on this host."""

    namespace: str
    name: str
    node: str
    address: str
    started_at: float


class PodFolder:
    """The folder of one Pod."""

    def __init__(self, path: Path) -> None:
        """Use the folder at a path."""
        self.path = path

    @property
    def uid(self) -> str:
        """The Pod's uid."""
        return self.path.name

    @property
    def root(self) -> Path:
        """Where containers put their root; empty for everybody else."""
        return self.path / "root"

    def make(self, record: PodRecord) -> None:
        """Make the folder."""
        within = (self.root, self.path / "volumes", self.path / "containers")
        for folder in (self.path.parent, self.path, *within):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.write("pod.json", asdict(record))

    def record(self) -> PodRecord | None:
        """Return what the Pod got; None where nothing is known."""
        document = self.read("pod.json")
        try:
            return None if document is None else PodRecord(**document)
        except TypeError:
            return None

    def remove(self) -> None:
        """Remove the folder with everything inside."""
        shutil.rmtree(self.path, ignore_errors=True)

    def volume(self, name: str) -> Path:
        """Return the folder of one volume."""
        return self.path / "volumes" / name

    def container(self, name: str) -> Path:
        """Return the folder of one container, made where it is missing."""
        folder = self.path / "containers" / name
        folder.mkdir(mode=0o700, exist_ok=True)
        return folder

    def attempts(self, name: str) -> list[int]:
        """Return the attempts of a container that are known, in order."""
        starts = (self.path / "containers" / name).glob("*.start")
        return sorted(int(path.stem) for path in starts if path.stem.isdigit())

    def log(self, name: str, attempt: int) -> Path:
        """Return the log of one attempt."""
        return self.path / "containers" / name / f"{attempt}.log"

    def begin(self, name: str, attempt: int, now: float) -> None:
        """Write that an attempt begins, and forget attempts of long ago."""
        folder = self.container(name)
        self.write(f"containers/{name}/{attempt}.start", {"started_at": now})
        for path in folder.iterdir():
            number = path.name.lstrip(".").split(".")[0]
            if number.isdigit() and int(number) <= attempt - _KEPT:
                path.unlink(missing_ok=True)

    def read(self, name: str) -> dict[str, Any] | None:
        """Return a JSON document of the folder; None where it cannot be had."""
        try:
            document = json.loads((self.path / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return document if isinstance(document, dict) else None

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write a JSON document whole or not at all."""
        path = self.path / name
        unfinished = path.with_name(f".{path.name}")
        with open(unfinished, "w", encoding="utf-8", opener=_open_private) as file:
            json.dump(document, file)
        unfinished.replace(path)


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
