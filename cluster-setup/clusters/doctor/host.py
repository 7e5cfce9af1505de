"""What every installation needs of its host: programs, space, and a free port."""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from pathlib import Path

import psutil

from clusters.binaries import binaries_present
from clusters.binaries.build import go_command, go_version, required_go
from clusters.binaries.lock import SOURCES, installed_lock
from clusters.doctor.finding import Finding, State, ask

_GIB = 1 << 30
_CLUSTER_MEMORY = 450 * (1 << 20)
"""Resident memory of one embedded cluster; measured by benchmarks/cluster_start.py."""
_DISK_NEEDED, _DISK_COMFORTABLE = 1 * _GIB, 10 * _GIB
_MEMORY_NEEDED, _MEMORY_COMFORTABLE = 1 * _GIB, 4 * _GIB
_NODE_NEEDED = 20
PORT = 8000
"""Where `assay up` listens unless it is told otherwise."""


def probe_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Look at the Python that runs Assay."""
    shown = ".".join(map(str, version))
    if version >= (3, 11):
        return Finding("Python", State.OK, shown)
    return Finding("Python", State.MISSING, shown, "Install Python 3.11 or newer.")


def probe_node(command: str = "node") -> Finding:
    """Look for the Node.js that JupyterHub's proxy runs on."""
    fix = f"Install Node.js {_NODE_NEEDED} or newer; JupyterHub's proxy runs on it."
    answer = ask([command, "--version"])
    version = re.match(r"v(\d+)\.[\d.]+", answer.text)
    if not answer.ok or version is None:
        return Finding("Node.js", State.MISSING, answer.text or "no version", fix)
    if int(version.group(1)) < _NODE_NEEDED:
        return Finding("Node.js", State.MISSING, f"{version.group()} is too old", fix)
    return Finding("Node.js", State.OK, version.group().removeprefix("v"))


def probe_go(needed: tuple[int, ...] | None = None) -> Finding:
    """Look for the Go that builds binaries which cannot be downloaded."""
    needed = needed or max(required_go(path.parent) for path in SOURCES.glob("*/go.mod"))
    wanted = ".".join(map(str, needed[:2]))
    fix = f"Only to build binaries that cannot be downloaded: install Go {wanted} or newer."
    if (go := go_command()) is None:
        return Finding("Go", State.WARN, "not installed", fix)
    version = go_version(go)
    shown = ".".join(map(str, version)) or "no version"
    if version < needed:
        return Finding("Go", State.WARN, f"{go} is {shown}", fix)
    return Finding("Go", State.OK, shown)


def probe_binaries() -> Finding:
    """Look which pinned binaries are in the cache."""
    names = installed_lock().everyday
    missing = binaries_present(names)
    if not missing:
        return Finding("Binaries", State.OK, f"all {len(names)} are in the cache")
    found = f"not in the cache: {', '.join(missing)}"
    fix = "Run `assay binaries fetch`; seconds by download, 8 to 20 minutes by building."
    return Finding("Binaries", State.WARN, found, fix)


def probe_disk(name: str, folder: Path, variable: str) -> Finding:
    """Look how much room there is for a folder, which need not exist.

    Args:
        name: of the finding.
        folder: where Assay will write.
        variable: the environment variable that chooses the folder.
    """
    there = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(there).free
    found = f"{free / _GIB:.1f} GiB free in {folder}"
    fix = f"Make room, or choose another folder with {variable}."
    if not os.access(there, os.W_OK):
        return Finding(name, State.MISSING, f"{there} cannot be written", fix)
    if free < _DISK_NEEDED:
        return Finding(name, State.MISSING, found, fix)
    if free < _DISK_COMFORTABLE:
        return Finding(name, State.WARN, found, fix)
    return Finding(name, State.OK, found)


def probe_memory(available: int | None = None) -> Finding:
    """Look how many clusters fit into the free memory.

    Args:
        available: bytes; None takes this host's.
    """
    free = psutil.virtual_memory().available if available is None else available
    clusters = free // _CLUSTER_MEMORY
    found = f"{free / _GIB:.1f} GiB free, about {clusters} embedded clusters"
    fix = f"A cluster takes {_CLUSTER_MEMORY >> 20} MiB, a notebook 150 MiB: free some."
    if free < _MEMORY_NEEDED:
        return Finding("Memory", State.MISSING, found, fix)
    if free < _MEMORY_COMFORTABLE:
        return Finding("Memory", State.WARN, found, fix)
    return Finding("Memory", State.OK, found)


def probe_cores(count: int | None = None) -> Finding:
    """Look how many cores this process may use.

    Args:
        count: None takes this host's.
    """
    cores = len(os.sched_getaffinity(0)) if count is None else count
    if cores >= 2:
        return Finding("Cores", State.OK, str(cores))
    fix = "Expect slow starts; a cluster burns 4 CPU seconds to come up."
    return Finding("Cores", State.WARN, str(cores), fix)


def probe_port(port: int = PORT) -> Finding:
    """Look whether `assay up` could listen."""
    name = f"Port {port}"
    with socket.socket() as probe:
        # As the hub does; without it, connections that have just ended look like a listener.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            fix = "If it is not Assay that listens there, use `assay up --port`."
            return Finding(name, State.WARN, f"127.0.0.1: {error.strerror}", fix)
    return Finding(name, State.OK, "free on 127.0.0.1")
