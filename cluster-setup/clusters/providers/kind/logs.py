"""Logs of a node: its own console, its services, and the parts of Kubernetes that run in it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from clusters.errors import ClusterError
from clusters.providers.kind.docker import Container, docker, said

_SERVICES = ("containerd", "kubelet", "node-cni")
_LINES = "5000"
_CONTAINERS = "/var/log/containers"
_SYSTEM = "_kube-system_"


def node_logs(node: Container, name: str, to: Path) -> list[Path]:
    """Write what a node says about itself into the folder `to`; return the files.

    A node that does not run has its console only.

    Args:
        node: its container.
        name: of the node; files are `<name>.log` and `<name>.<part>.log`.
        to: an existing folder.
    """
    console = to / f"{name}.log"
    console.write_text(said(node), encoding="utf-8")
    written = [console]
    if node.pid and not node.paused:
        for part, text in _parts(node):
            path = to / f"{name}.{part}.log"
            with path.open("a", encoding="utf-8") as file:
                file.write(text)
            written.append(path)
    return sorted(set(written))


def _parts(node: Container) -> Iterator[tuple[str, str]]:
    """Yield name and text of each log in a node; one that rotates away meanwhile is left out."""
    for service in _SERVICES:
        command = ["journalctl", "--no-pager", "--lines", _LINES, "--unit", service]
        yield service, _inside(node, *command)
    for file in _inside(node, "ls", _CONTAINERS).split():
        pod, found, rest = file.partition(_SYSTEM)
        if pod and found:
            container = rest.rpartition("-")[0]  # <pod>_<namespace>_<container>-<id>.log
            yield container, _inside(node, "tail", "-n", _LINES, f"{_CONTAINERS}/{file}")


def _inside(node: Container, *command: str) -> str:
    try:
        return docker("exec", node.id, *command)
    except ClusterError:
        return ""
