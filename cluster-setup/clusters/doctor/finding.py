"""Finding: what one probe saw, how bad it is, and what mends it."""

from __future__ import annotations

import subprocess
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import NamedTuple

_PATIENCE = 5.0
"""Seconds that an asked program may take; a hung Docker daemon must not hang the doctor."""
NOBODY = 65534
"""uid and gid of an account without rights, to try what others than root can do."""


class State(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    """Nothing to do."""
    WARN = "warn"
    """Assay works, but something is slower, smaller or not offered."""
    MISSING = "missing"
    """Something that the platform needs is not there."""


class Group(StrEnum):
    """What a finding matters for."""

    HOST = "host"
    """Every installation."""
    CONTAINERS = "containers"
    """Clusters whose Pods are containers, and nothing else."""


@dataclass(frozen=True)
class Finding:
    """What one probe saw."""

    name: str
    """What was looked at, for people."""
    state: State
    found: str
    """What is there, or what its absence costs."""
    fix: str = ""
    """One sentence that says what mends it; empty when nothing has to be done."""
    group: Group = Group.HOST
    """What it matters for."""

    def to_json(self) -> dict[str, str]:
        """Return the finding as JSON."""
        return asdict(self)


class Answer(NamedTuple):
    """What a program said."""

    ok: bool
    """It is installed, ended in time, and did not fail."""
    text: str
    """What it printed, or why it could not be asked."""


def ask(command: list[str], *, seconds: float = _PATIENCE, as_nobody: bool = False) -> Answer:
    """Run a program that answers quickly; every way to fail is an answer, too.

    Args:
        command: program and arguments; it is looked up on PATH.
        seconds: how long it may take.
        as_nobody: give up root's rights first; only root can ask that.
    """
    account = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if as_nobody else {}
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            cwd="/",
            **account,
        )
    except FileNotFoundError:
        return Answer(False, f"{command[0]} is not installed")
    except subprocess.TimeoutExpired:
        return Answer(False, f"{command[0]} did not answer in {seconds:g} s")
    except OSError as error:
        return Answer(False, f"{command[0]} cannot be run: {error.strerror}")
    said = done.stdout if done.returncode == 0 else done.stderr or done.stdout
    return Answer(done.returncode == 0, said.strip())
