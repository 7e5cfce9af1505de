"""Step: one thing that `assay doctor --fix` does to give this host a Docker that starts nodes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from clusters.doctor.docker.facts import (
    RUNTIME,
    SETTINGS,
    WRAPPER,
    WRAPPER_SOURCE,
    DockerFacts,
    read_settings,
    with_runtime,
)
from clusters.doctor.finding import ask
from clusters.errors import CommandError, NotReadyError, PreflightError

Told = Callable[[str], None]
"""Told each command before it is run."""
PACKAGES = ("docker.io", "iptables")
PID_FILE = Path("/var/run/docker.pid")
"""Where the daemon writes its process id."""
_CONTAINERD_PID_FILE = Path("/var/run/docker/containerd/containerd.pid")
DAEMON_LOG = Path("/var/log/dockerd.log")
_START_SECONDS = 60.0


@dataclass(frozen=True)
class Step:
    """One thing to do."""

    name: str
    """Stable identifier."""
    title: str
    """What is done, for people."""
    why: str
    """What would not work otherwise."""
    act: Callable[[Told], None]
    """Does it, and tells each command. Raises ClusterError."""


def steps_for(facts: DockerFacts) -> list[Step]:
    """Return what this host's Docker needs, in order; [] where it is ready.

    Settings come before the package, whose installation may start the daemon.

    Raises:
        PreflightError: this host needs something that cannot be done from here.
    """
    if facts.ready:
        return []
    _require_possible(facts)
    steps = []
    if facts.withheld and not facts.wrapper:
        steps.append(_WRAPPER)
    if facts.withheld and not facts.settings:
        steps.append(_SETTINGS)
    if not (facts.daemon and facts.client):
        steps.append(_PACKAGES)
    if facts.answers:
        steps.append(_RELOAD)
    else:
        steps.append(_SERVICE if facts.systemd else _DAEMON)
    return steps


def _require_possible(facts: DockerFacts) -> None:
    if not facts.root:
        raise PreflightError("only root can set Docker up: run `sudo assay doctor --fix`")
    if not (facts.daemon or facts.apt):
        raise PreflightError(
            "Docker is not installed, and this host has no apt-get: install Docker as your system "
            "does it, then run `assay doctor --fix` again"
        )


def _install_wrapper(told: Told) -> None:
    told(f"install -m 755 {WRAPPER_SOURCE.name} {WRAPPER}")
    staged = WRAPPER.with_suffix(".new")
    staged.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(WRAPPER_SOURCE, staged)
    staged.chmod(0o755)
    staged.replace(WRAPPER)


def _write_settings(told: Told) -> None:
    told(f"edit {SETTINGS}: default-runtime {RUNTIME}")
    settings = with_runtime(read_settings())
    SETTINGS.parent.mkdir(parents=True, exist_ok=True)
    if SETTINGS.exists():
        shutil.copyfile(SETTINGS, SETTINGS.with_suffix(".json.before-assay"))
    SETTINGS.write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def _install_packages(told: Told) -> None:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    _run(told, ["apt-get", "update", "-q"], quiet)
    _run(told, ["apt-get", "install", "-y", "-q", "--no-install-recommends", *PACKAGES], quiet)


def _reload_daemon(told: Told) -> None:
    """Let the running daemon read its settings; containers go on."""
    pid = int(PID_FILE.read_text(encoding="ascii"))
    told(f"kill -HUP {pid}")
    os.kill(pid, signal.SIGHUP)
    _wait(lambda: ask(["docker", "info", "--format", "{{.DefaultRuntime}}"]).text == RUNTIME)


def _start_service(told: Told) -> None:
    _run(told, ["systemctl", "enable", "--now", "docker"], None)
    _wait(daemon_answers)


def _start_daemon(told: Told) -> None:
    """Start the daemon by hand, where no service manager does; it outlives this process."""
    if daemon_answers():  # the installation of its package did it
        return
    for file, program in ((PID_FILE, "dockerd"), (_CONTAINERD_PID_FILE, "containerd")):
        forget_ended(file, program)
    told(f"dockerd > {DAEMON_LOG} &")
    with DAEMON_LOG.open("ab") as log:
        started = subprocess.Popen(
            ["dockerd", "--pidfile", str(PID_FILE)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            start_new_session=True,
        )
    _wait(daemon_answers, lambda: started.poll() is None)


def forget_ended(file: Path, program: str) -> None:
    """Remove a pid file whose process was killed: somebody else may have the number by now.

    The daemon would take that for itself running already, and end.
    """
    try:
        name = psutil.Process(int(file.read_text(encoding="ascii"))).name()
    except (OSError, ValueError, psutil.Error):
        name = ""
    if name != program:
        file.unlink(missing_ok=True)


def daemon_answers() -> bool:
    """Say whether a Docker daemon answers."""
    answer = ask(["docker", "info", "--format", "{{.ServerVersion}}"])
    return answer.ok and bool(answer.text)


def _wait(done: Callable[[], bool], lives: Callable[[], bool] = lambda: True) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not done():
        if not lives() or time.monotonic() > deadline:
            raise NotReadyError(f"the Docker daemon does not come up; {_last_line(DAEMON_LOG)}")
        time.sleep(0.2)


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return "`journalctl -u docker` says why"
    said = [line for line in lines if line.strip()]
    return f"{log} ends with: {said[-1][:300]}" if said else f"{log} is empty"


def _run(told: Told, command: list[str], environment: dict[str, str] | None) -> None:
    told(" ".join(command))
    done = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=environment,
    )
    if done.returncode != 0:
        end = (done.stderr or done.stdout).strip()[-500:]
        raise CommandError(f"`{' '.join(command)}` failed:\n{end}")


_WRAPPER = Step(
    "oci-wrapper",
    f"Install an OCI wrapper as {WRAPPER}",
    "this host withholds CAP_SYS_RESOURCE, and runc alone starts no node without it",
    _install_wrapper,
)
_SETTINGS = Step(
    "daemon-settings",
    f"Make it Docker's default runtime in {SETTINGS}",
    "nodes have to be started by it; other containers start as before",
    _write_settings,
)
_PACKAGES = Step(
    "packages",
    f"Install {' and '.join(PACKAGES)} with apt-get",
    "Docker's daemon is not installed",
    _install_packages,
)
_RELOAD = Step(
    "daemon-reload",
    "Let the Docker daemon read its settings",
    "it runs without the OCI wrapper; containers go on meanwhile",
    _reload_daemon,
)
_SERVICE = Step(
    "daemon-service",
    "Start the service `docker`, now and with the system",
    "no Docker daemon answers",
    _start_service,
)
_DAEMON = Step(
    "daemon",
    f"Start dockerd in the background (log: {DAEMON_LOG}, pid: {PID_FILE})",
    "no Docker daemon answers, and there is no systemd to start it",
    _start_daemon,
)
