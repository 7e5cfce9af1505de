"""Docker, as far as nodes need it: found again by what they mount, started, paused, removed.

The daemon is asked anew each time; it is the only list of what runs.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusters.errors import ClusterError, CommandError

CLUSTER_LABEL = "io.x-k8s.kind.cluster"
"""Label that kind gives to containers; its value is kind's name of the cluster."""
FOLDER_LABEL = "dev.assay.cluster"
"""Label of a cluster's network; its value is the cluster's folder."""
_SETTLE_SECONDS = 1.5
"""How long the daemon may go on with a request whose sender was killed."""
_PATIENCE = 120.0
"""Seconds for one answer; stopping a node on a loaded machine takes some."""


@dataclass(frozen=True)
class Container:
    """One node as Docker has it."""

    id: str
    name: str
    cluster: str
    """kind's name of the cluster."""
    pid: int
    """Of its first process; 0 when it does not run."""
    paused: bool
    ended: str
    """How it ended, for people; empty while it runs."""
    mounts: frozenset[str]
    """Folders of the host that it mounts."""


def containers(kind_name: str = "") -> list[Container]:
    """Return the nodes of one kind cluster, or of all, in order of their names.

    Raises:
        ClusterError: Docker does not answer.
    """
    label = f"label={CLUSTER_LABEL}" + (f"={kind_name}" if kind_name else "")
    ids = docker("ps", "--all", "--quiet", "--no-trunc", "--filter", label).split()
    # One that goes away between the two questions is missing from the answer; that is no error.
    found = json.loads(_try("inspect", *ids).stdout or "[]") if ids else []
    return sorted((_container(each) for each in found), key=lambda node: node.name)


def networks(folder: str = "") -> dict[str, str]:
    """Return the networks of one cluster, or of all: names by the folder of the cluster.

    Raises:
        ClusterError: Docker does not answer.
    """
    label = f"label={FOLDER_LABEL}" + (f"={folder}" if folder else "")
    shown = f'{{{{.Label "{FOLDER_LABEL}"}}}}\t{{{{.Name}}}}'
    lines = docker("network", "ls", "--filter", label, "--format", shown).splitlines()
    return {of: name for of, _, name in (line.partition("\t") for line in lines)}


def make_network(name: str, folder: str) -> None:
    """Make the network of one cluster; the nodes of others are in others.

    Raises:
        ClusterError: Docker could not; it says why.
    """
    if folder in networks(folder):
        return
    masquerade = "com.docker.network.bridge.enable_ip_masquerade=true"
    docker("network", "create", "--label", f"{FOLDER_LABEL}={folder}", "-o", masquerade, name)


def remove_all(kind_name: str, folder: str, *, settle: bool) -> None:
    """Remove the nodes of a cluster with their volumes, and its network.

    Args:
        kind_name: kind's name of it.
        folder: of the cluster.
        settle: whether a command was killed whose request the daemon may still carry out.

    Raises:
        ClusterError: Docker could not.
    """
    deadline = time.monotonic() + (_SETTLE_SECONDS if settle else 0)
    while True:
        remove(containers(kind_name))
        if time.monotonic() >= deadline:
            break
        time.sleep(0.1)
    for name in networks(folder).values():
        remove_network(name)


def remove(nodes: Iterable[Container]) -> None:
    """Remove nodes with their volumes; one that is gone already is no error.

    Raises:
        ClusterError: Docker could not.
    """
    ids = [node.id for node in nodes]
    if ids:
        docker("rm", "--force", "--volumes", *ids)


def said(node: Container) -> str:
    """Return what a node printed: its entrypoint, and systemd's account of its services."""
    done = _try("logs", "--timestamps", node.id)
    return done.stdout + done.stderr


def remove_network(name: str) -> None:
    """Remove a network; one that is gone already is no error.

    Raises:
        ClusterError: Docker could not.
    """
    done = _try("network", "rm", name)
    if done.returncode != 0 and "not found" not in done.stderr.lower():
        if "no such network" not in done.stderr.lower():
            raise CommandError(f"Docker did not remove network {name}: {done.stderr.strip()}")


def read_file(node: Container, path: str) -> bytes:
    """Return a file of a node.

    Raises:
        ClusterError: it cannot be read.
    """
    return docker("exec", node.id, "cat", path).encode()


def docker(*words: str, seconds: float = _PATIENCE) -> str:
    """Run a command of Docker and return what it printed.

    Raises:
        ClusterError: Docker is missing, hangs, or refused; it says why.
    """
    done = _try(*words, seconds=seconds)
    if done.returncode != 0:
        raise CommandError(f"docker {words[0]}: {done.stderr.strip()[-500:]}")
    return done.stdout


def answers() -> bool:
    """Say whether a daemon answers."""
    try:
        docker("version", "--format", "{{.Server.Version}}", seconds=10)
    except ClusterError:
        return False
    return True


def _try(*words: str, seconds: float = _PATIENCE) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["docker", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError as error:
        raise ClusterError("Docker is not installed: `assay doctor --fix` installs it") from error
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"Docker did not answer in {seconds:g} s") from error


def _container(found: dict[str, Any]) -> Container:
    state = found["State"]
    return Container(
        id=found["Id"],
        name=found["Name"].removeprefix("/"),
        cluster=found["Config"]["Labels"].get(CLUSTER_LABEL, ""),
        pid=state["Pid"] if state["Running"] else 0,
        paused=state["Paused"],
        ended="" if state["Running"] else _end(state),
        mounts=frozenset(m["Source"] for m in found["Mounts"] if m["Type"] == "bind"),
    )


def _end(state: dict[str, Any]) -> str:
    reason = state.get("Error") or f"ended with {state.get('ExitCode')}"
    return f"{state.get('Status', 'stopped')}: {reason}"


def folders_mounted(nodes: Sequence[Container], root: Path) -> set[str]:
    """Return the names of the folders directly below `root` that nodes mount something of."""
    found = set()
    for node in nodes:
        for mount in map(Path, node.mounts):
            if mount.is_relative_to(root) and mount != root:
                found.add(mount.relative_to(root).parts[0])
    return found
