"""Spawning: starts sandboxes and finds those that run, by marks in their environment.

What the runner holds of a process is a descriptor (pidfd_open(2)): another process that has got the
number since is never meant.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from clusters.providers.embedded.processes import CLUSTER_MARK, COMPONENT_MARK, POD, find_cluster

_POD_MARK = "ASSAY_POD"
_CONTAINER_MARK = "ASSAY_CONTAINER"
_ATTEMPT_MARK = "ASSAY_ATTEMPT"
_SANDBOX = str(Path(__file__).parent / "sandbox")
_PATIENCE = 60.0
_OF_POD = ("mnt", "net", "uts", "ipc")
_OF_CONTAINER = (*_OF_POD, "pid")


class SandboxError(Exception):
    """A sandbox could not be made."""


@dataclass(frozen=True)
class Mark:
    """Whose process it is."""

    pod: str
    """The Pod's uid."""
    container: str = ""
    """Name of the container; empty for the process that holds the Pod's namespaces."""
    attempt: int = 0

    def environment(self, folder: Path) -> dict[str, str]:
        """Return the marks that a process carries."""
        return {
            CLUSTER_MARK: str(folder),
            COMPONENT_MARK: POD,
            _POD_MARK: self.pod,
            _CONTAINER_MARK: self.container,
            _ATTEMPT_MARK: str(self.attempt),
        }


class Spawned:
    """A process that is held by a descriptor: the first one of a container, or a Pod's holder."""

    def __init__(self, pid: int) -> None:
        """Hold a process.

        Raises:
            ProcessLookupError: it has ended, and was reaped.
        """
        self.pid = pid
        self.descriptor = os.pidfd_open(pid)

    def signal(self, number: int) -> None:
        """Send a signal; nothing happens to one that has ended."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.descriptor, number)

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        try:
            signal.pidfd_send_signal(self.descriptor, 0)
        except ProcessLookupError:
            return False
        with suppress(OSError, IndexError):
            state = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0]
            return state not in ("Z", "X")
        return False

    def namespaces(self, *kinds: str) -> dict[str, int]:
        """Open namespaces that it lives in; whoever calls closes them.

        Raises:
            OSError: it has ended.
        """
        opened: dict[str, int] = {}
        try:
            for kind in kinds:
                flags = os.O_RDONLY | os.O_CLOEXEC
                opened[kind] = os.open(f"/proc/{self.pid}/ns/{kind}", flags)
            if not self.alive:  # the number may be another's by now
                raise ProcessLookupError(self.pid)
        except OSError:
            _close(opened)
            raise
        return opened

    def close(self) -> None:
        """Let go of it."""
        os.close(self.descriptor)


def found_of(folder: Path) -> list[tuple[Mark, Spawned]]:
    """Return the processes of Pods that run in a cluster."""
    found = []
    for process in find_cluster(folder).get(POD, []):
        with suppress(psutil.Error, KeyError, ValueError, ProcessLookupError):
            marks = process.environ()
            mark = Mark(marks[_POD_MARK], marks[_CONTAINER_MARK], int(marks[_ATTEMPT_MARK]))
            spawned = Spawned(process.pid)
            if process.is_running():
                found.append((mark, spawned))
    return found


def hold_pod(mark: Mark, folder: Path, order: Mapping[str, Any]) -> Spawned:
    """Make the namespaces of a Pod, held by the process that is returned.

    Raises:
        SandboxError: they could not be made.
    """
    return _spawn("hold", mark, folder, order, {})


def start_container(mark: Mark, folder: Path, order: Mapping[str, Any], holder: Spawned) -> Spawned:
    """Start a container in the namespaces of its Pod.

    Raises:
        SandboxError: it could not be started.
    """
    try:
        namespaces = holder.namespaces(*_OF_POD)
    except OSError as error:
        raise SandboxError("the Pod's namespaces are gone") from error
    try:
        return _spawn("start", mark, folder, order, namespaces)
    finally:
        _close(namespaces)


def run_inside(
    first: Spawned, order: Mapping[str, Any], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """Run a command in a container to its end, with both outputs in one.

    Raises:
        subprocess.TimeoutExpired: it took too long, and was ended.
        OSError: the container has ended.
    """
    namespaces = first.namespaces(*_OF_CONTAINER)
    try:
        return subprocess.run(
            _command("exec"),
            input=_order(order, namespaces),
            env={},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=tuple(namespaces.values()),
            check=False,
            timeout=seconds,
        )
    finally:
        _close(namespaces)


def _spawn(
    verb: str, mark: Mark, folder: Path, order: Mapping[str, Any], namespaces: Mapping[str, int]
) -> Spawned:
    try:
        done = subprocess.run(
            _command(verb),
            input=_order(order, namespaces),
            env={"PATH": os.defpath, **mark.environment(folder)},
            capture_output=True,
            pass_fds=tuple(namespaces.values()),
            check=False,
            timeout=_PATIENCE,
        )
        answer = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        raise SandboxError(f"the sandbox could not be made: {error}") from error
    if "pid" not in answer:
        raise SandboxError(answer["error"])
    try:
        return Spawned(answer["pid"])
    except ProcessLookupError as error:
        raise SandboxError("the sandbox ended at once") from error


def _command(verb: str) -> Sequence[str]:
    return [sys.executable, "-I", "-S", _SANDBOX, verb]


def _order(order: Mapping[str, Any], namespaces: Mapping[str, int]) -> bytes:
    return json.dumps({**order, "namespaces": dict(namespaces)}).encode()


def _close(namespaces: Mapping[str, int]) -> None:
    for descriptor in namespaces.values():
        os.close(descriptor)
