"""Running `kind create cluster`: its progress as phases, its failures as one sentence."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from clusters.errors import ClusterError, CommandError, NotReadyError
from clusters.phases import OnPhase, Phase
from clusters.providers.embedded.folder import ClusterFolder
from clusters.providers.embedded.processes import CLUSTER_MARK, COMPONENT_MARK
from clusters.providers.kind.layout import kind_name

COMPONENT = "kind"
"""Name by which the running command is found among a cluster's processes."""
START_SECONDS = 600.0
"""How long kind may take; 30 s on two free cores."""
_STEPS = (
    # What kind prints, what people read here, and how far the whole is when it is done.
    ("Ensuring node image", "node-image-check", "Checking the node image", 15),
    ("Preparing nodes", "nodes", "Starting the nodes", 35),
    ("Writing configuration", "configuration", "Writing the configuration", 40),
    ("Starting control-plane", "control-plane", "Starting the control plane", 65),
    ("Installing CNI", "network", "Setting up the network of Pods", 68),
    ("Installing StorageClass", "storage", "Setting up storage", 70),
    ("Joining worker nodes", "workers", "Joining the other nodes", 80),
)
_KEPT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH")
_TELLING = (
    (re.compile(r"(port is already allocated|address already in use)"), "port"),
    (re.compile(r"no space left on device"), "space"),
    (re.compile(r"could not find an available, non-overlapping"), "networks"),
)


def run_kind(
    kind: Path, folder: ClusterFolder, config: bytes, image: str, port: int, on_phase: OnPhase
) -> None:
    """Make the nodes of a cluster; on failure some of them may be left.

    The process carries the mark of its cluster, and so does what it starts: whoever deletes the
    cluster ends them first.

    Raises:
        ClusterError: kind failed; says why in one sentence and names its log.
    """
    log = folder.log(COMPONENT)
    log.parent.mkdir(mode=0o700, exist_ok=True)
    command = [
        str(kind),
        "create",
        "cluster",
        f"--name={kind_name(folder.path)}",
        f"--image={image}",
        "--config=-",
        f"--kubeconfig={folder.path / 'kind.kubeconfig'}",
        "--wait=0s",
        "--retain",
    ]
    with (
        log.open("ab") as copy,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_environment(folder),
            cwd="/",
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(config)
            process.stdin.close()
            _tell(_lines(process, copy.write), on_phase)
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise explained(log.read_text(encoding="utf-8", errors="replace"), port, folder)


def explained(output: str, port: int, folder: ClusterFolder) -> ClusterError:
    """Return what a failure of kind or Docker means, as one sentence that says what to do."""
    for pattern, what in _TELLING:
        if pattern.search(output):
            return ClusterError(_SENTENCES[what].format(port=port, folder=folder.path))
    errors = [line for line in output.splitlines() if line.startswith(("ERROR", "error"))]
    said = (errors or [line for line in output.splitlines() if line.strip()] or ["nothing"])[-1]
    return CommandError(f"kind could not make cluster {folder.name}: {said.strip()[:400]}")


_SENTENCES = {
    "port": (
        "port {port} of the cluster's API server is in use by another program: end that program, "
        "or delete the cluster and create it again"
    ),
    "space": (
        "the disk of {folder} or of Docker is full: a node needs 1 GiB; free some space, for "
        "example with `docker system prune`"
    ),
    "networks": (
        "Docker has no free address range for another network: delete clusters, or give it more "
        "with `default-address-pools` in /etc/docker/daemon.json"
    ),
}


def _environment(folder: ClusterFolder) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "KIND_EXPERIMENTAL_DOCKER_NETWORK": kind_name(folder.path),
        CLUSTER_MARK: str(folder.path),
        COMPONENT_MARK: COMPONENT,
    }


def _lines(process: subprocess.Popen[bytes], keep: object) -> Iterator[str]:
    assert process.stdout is not None
    deadline = time.monotonic() + START_SECONDS
    for line in process.stdout:
        keep(line)  # type: ignore[operator]
        yield line.decode(errors="replace")
        if time.monotonic() > deadline:
            raise NotReadyError(f"kind did not finish in {START_SECONDS:.0f} s")


def _tell(lines: Iterator[str], on_phase: OnPhase) -> None:
    """Turn kind's lines to phases: it marks a step with a bullet, then with a tick."""
    under_way: tuple[str, str, int, float] | None = None
    for line in lines:
        step = next((s for s in _STEPS if s[0] in line), None)
        if step is None:
            continue
        _, name, message, percent = step
        if "✓" not in line:
            under_way = (name, message, percent, time.monotonic())
            on_phase(Phase(name, message, percent))
        elif under_way:
            on_phase(Phase(name, message, percent, time.monotonic() - under_way[3]))
            under_way = None
