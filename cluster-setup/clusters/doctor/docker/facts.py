"""DockerFacts: what this host has of Docker, looked at once."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.doctor.finding import ask

_CAP_SYS_RESOURCE = 24
"""Bit of the capability, from linux/capability.h."""
RUNTIME = "assay"
"""Name under which Docker knows the OCI wrapper."""
WRAPPER = Path("/usr/local/sbin/assay-oci-runtime")
"""Where the OCI wrapper is installed."""
WRAPPER_SOURCE = Path(__file__).parent / "oci_runtime.py"
SETTINGS = Path("/etc/docker/daemon.json")
"""Settings of the Docker daemon."""


@dataclass(frozen=True)
class DockerFacts:
    """What there is."""

    root: bool
    """Whether this process may install programs."""
    apt: bool
    """Whether programs are installed by apt-get."""
    systemd: bool
    """Whether systemd starts services here."""
    client: bool
    """Whether `docker` is installed."""
    daemon: bool
    """Whether `dockerd` is installed."""
    answers: bool
    """Whether a daemon answers."""
    withheld: bool
    """Whether this host lacks CAP_SYS_RESOURCE, so that Docker needs the OCI wrapper."""
    wrapper: bool
    """Whether the OCI wrapper of this version is installed."""
    settings: bool
    """Whether the daemon's settings make it the default runtime."""
    used: bool
    """Whether the running daemon uses it."""

    @property
    def ready(self) -> bool:
        """A daemon answers and can start nodes."""
        return self.answers and (not self.withheld or self.used)


def docker_facts() -> DockerFacts:
    """Look at this host; nothing is changed."""
    info = ask(["docker", "info", "--format", "{{.DefaultRuntime}} {{.ServerVersion}}"], seconds=10)
    default, _, version = info.text.partition(" ")
    return DockerFacts(
        root=os.geteuid() == 0,
        apt=shutil.which("apt-get") is not None,
        systemd=Path("/run/systemd/system").is_dir(),
        client=shutil.which("docker") is not None,
        daemon=shutil.which("dockerd") is not None,
        answers=info.ok and bool(version.strip()),
        withheld=capability_withheld(),
        wrapper=_same(WRAPPER, WRAPPER_SOURCE),
        settings=with_runtime(read_settings()) == read_settings(),
        used=info.ok and default == RUNTIME,
    )


def capability_withheld(status: Path = Path("/proc/1/status")) -> bool:
    """Say whether no process of this host can have CAP_SYS_RESOURCE."""
    lines = status.read_text(encoding="utf-8").splitlines()
    found = [line.split()[1] for line in lines if line.startswith("CapBnd:")]
    return not (int(found[0], 16) if found else 0) >> _CAP_SYS_RESOURCE & 1


def read_settings(path: Path = SETTINGS) -> dict[str, Any]:
    """Return the settings of the daemon; those of a file that is no JSON object are none."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}


def with_runtime(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings of the daemon with the OCI wrapper as default runtime, else as they were."""
    runtimes = {**settings.get("runtimes", {}), RUNTIME: {"path": str(WRAPPER)}}
    return {**settings, "default-runtime": RUNTIME, "runtimes": runtimes}


def _same(one: Path, other: Path) -> bool:
    try:
        return one.read_bytes() == other.read_bytes() and os.access(one, os.X_OK)
    except OSError:
        return False
