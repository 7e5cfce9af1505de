"""What this host has beyond a bare machine: Docker for containers, NVIDIA GPUs."""

from __future__ import annotations

from pathlib import Path

from clusters.doctor.docker.facts import capability_withheld, docker_facts
from clusters.doctor.finding import Finding, Group, State, ask
from clusters.errors import AssayError
from clusters.providers.kind.node_image import how_to_get_one, node_image_here

NODE_IMAGE = "Node image"
"""Name of the finding about the image of nodes."""
_DOCKER_FORMAT = "{{.ServerVersion}}"
_GPU_QUERY = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]


def probe_docker() -> Finding:
    """Look for a Docker daemon that answers."""
    client = ask(["docker", "--version"])
    if not client.ok:
        fix = "`assay doctor --fix` installs it; embedded clusters do without."
        return _containers("Docker", State.WARN, "not installed", fix)
    daemon = ask(["docker", "info", "--format", _DOCKER_FORMAT])
    if daemon.ok and daemon.text:
        return _containers("Docker", State.OK, f"daemon {daemon.text}")
    fix = "`assay doctor --fix` starts the daemon; who is not root has to be in its group."
    said = daemon.text.splitlines()[-1:] or ["the daemon does not answer"]
    return _containers("Docker", State.WARN, f"client only: {said[0]}", fix)


def probe_cgroups(root: Path = Path("/sys/fs/cgroup")) -> Finding:
    """Look which version of control groups containers would get."""
    if (root / "cgroup.controllers").exists():
        return _containers("Control groups", State.OK, "version 2")
    fix = (
        "Nothing has to be done: kubelets, which refuse version 1 by default, are told to accept "
        "it. A later Kubernetes will not."
    )
    return _containers("Control groups", State.WARN, "version 1", fix)


def probe_capability(status: Path = Path("/proc/1/status")) -> Finding:
    """Look whether containers can be given CAP_SYS_RESOURCE, which a node container asks for."""
    name = "CAP_SYS_RESOURCE"
    if not capability_withheld(status):
        return _containers(name, State.OK, "can be granted")
    if docker_facts().used:
        return _containers(name, State.OK, "withheld from this host; the OCI wrapper does without")
    fix = (
        "`assay doctor --fix` makes an OCI wrapper Docker's default runtime, which starts nodes "
        "without it."
    )
    return _containers(name, State.WARN, "withheld from this host", fix)


def probe_node_image() -> Finding:
    """Look for the image that nodes of containers are made of."""
    try:
        found = node_image_here()
    except AssayError as error:
        return _containers(NODE_IMAGE, State.WARN, str(error), "Mend the setting.")
    if found is None:
        fix = how_to_get_one()
        return _containers(NODE_IMAGE, State.WARN, "not here", f"{fix[0].upper()}{fix[1:]}.")
    return _containers(NODE_IMAGE, State.OK, found.reference)


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


def _reason(text: str) -> str:
    return text.splitlines()[0] if text else "no device"
