"""What this host has beyond a bare machine: Docker for containers, NVIDIA GPUs."""

from __future__ import annotations

from pathlib import Path

from clusters.doctor.finding import Finding, Group, State, ask

_CAP_SYS_RESOURCE = 24
"""Bit of the capability, from linux/capability.h."""
_DOCKER_FORMAT = "{{.ServerVersion}}"
_GPU_QUERY = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]


def probe_docker() -> Finding:
    """Look for a Docker daemon that answers."""
    client = ask(["docker", "--version"])
    if not client.ok:
        fix = "Install Docker."
        return _containers("Docker", State.WARN, "not installed", fix)
    daemon = ask(["docker", "info", "--format", _DOCKER_FORMAT])
    if daemon.ok and daemon.text:
        return _containers("Docker", State.OK, f"daemon {daemon.text}")
    fix = "Start the Docker daemon and join its group."
    said = daemon.text.splitlines()[-1:] or ["the daemon does not answer"]
    return _containers("Docker", State.WARN, f"client only: {said[0]}", fix)


def probe_cgroups(root: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Look which version of control groups containers would get."""
    if (root / "cgroup.controllers").exists():
        return _containers("Control groups", State.OK, "version 2")
    fix = "Boot with version 2; the kubelet refuses version 1 unless it is told otherwise."
    return _containers("Control groups", State.WARN, "version 1", fix)


def probe_capability(status: Path = Path("/proc/1/status")) -> Finding:
    """Look whether containers can be given CAP_SYS_RESOURCE, which a node container asks for."""
    if _bounding_set(status) >> _CAP_SYS_RESOURCE & 1:
        return _containers("CAP_SYS_RESOURCE", State.OK, "can be granted")
    fix = "Allow this capability to the machine or container that this is."
    return _containers("CAP_SYS_RESOURCE", State.WARN, "withheld from this host", fix)


def probe_gpus() -> Finding:
    """Look for NVIDIA GPUs that the driver can see."""
    answer = ask(_GPU_QUERY, seconds=10)
    gpus = answer.text.splitlines() if answer.ok else []
    if gpus:
        shown = f"{len(gpus)} x {gpus[0]}" if len(set(gpus)) == 1 else "; ".join(gpus)
        return Finding("NVIDIA GPUs", State.OK, shown)
    return Finding("NVIDIA GPUs", State.OK, f"none ({_reason(answer.text)}); labs simulate them")


def _containers(name: str, state: State, found: str, fix: str = "") -> Finding:
    return Finding(name, state, found, fix, Group.CONTAINERS)


def _bounding_set(status: Path) -> int:
    lines = status.read_text(encoding="utf-8").splitlines()
    found = [line.split()[1] for line in lines if line.startswith("CapBnd:")]
    return int(found[0], 16) if found else 0


def _reason(text: str) -> str:
    return text.splitlines()[0] if text else "no device"
