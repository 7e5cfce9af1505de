"""Record of the running supervisor: pid with creation time, because pids are used again."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

from hub.installation import address, hub_folder
from hub.processes import created, same_process


@dataclass(frozen=True)
class Record:
    """Who supervises this installation, and where people find it."""

    pid: int
    created: float
    """When the process began; seconds since 1970."""
    port: int

    @property
    def url(self) -> str:
        """Where people find the platform."""
        return address(self.port)

    def process(self) -> psutil.Process:
        """Return the supervisor's process."""
        return psutil.Process(self.pid)


def write_record(port: int) -> Record:
    """Say that this process supervises the installation."""
    record = Record(os.getpid(), created(os.getpid()), port)
    path = _path()
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    draft.write_text(json.dumps(asdict(record)), encoding="utf-8")
    os.replace(draft, path)
    return record


def remove_record() -> None:
    """Say that nobody supervises the installation."""
    _path().unlink(missing_ok=True)


def running_supervisor() -> Record | None:
    """Return the record of the supervisor if that very process runs."""
    try:
        record = Record(**json.loads(_path().read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return record if same_process(record.pid, record.created) else None


def _path() -> Path:
    return hub_folder() / "supervisor.json"
