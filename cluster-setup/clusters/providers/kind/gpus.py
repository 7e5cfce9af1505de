"""GPUs of this host in the nodes of a kind cluster. Tried against mocks, not run on hardware.

A cluster whose spec asks for the capability `gpu` has hardware in place of simulated devices: as
many GPUs in each node as its inventory has devices there. Which ones stands in its folder, so they
are free again when it goes.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from clusters.accelerators.gpus import (
    HostGpus,
    NodeGpus,
    assign_gpus,
    gpu_problems,
    host_gpus,
    installed_toolkit,
)
from clusters.accelerators.gpus.passing import NODE_LABELS, install_command, node_commands
from clusters.capability import Capability
from clusters.errors import ClusterError, CommandError
from clusters.file_lock import locked
from clusters.inventory import Inventory
from clusters.providers.embedded.api import ApiServer
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.kind.docker import docker
from clusters.providers.kind.layout import container_names

FILE = "gpus.json"
"""In the cluster's folder: uuids of its GPUs by node."""
_LOCK = ".gpus.lock"
_INSTALL_SECONDS = 330.0
_LAST = 500
"""Characters of a failed installation's output that are shown."""


@lru_cache(maxsize=1)
def host_offers() -> frozenset[Capability]:
    """Return `gpu` where this host's GPUs can be given to nodes."""
    host = host_gpus()
    ready = bool(host.gpus) and not gpu_problems(host, installed_toolkit())
    return frozenset({Capability.GPU}) if ready else frozenset()


def has_gpus(record: Record) -> bool:
    """Say whether a cluster has GPUs of this host."""
    return Capability.GPU in record.capabilities


def reserve_gpus(
    folder: ClusterFolder, inventory: Inventory, host: HostGpus | None = None
) -> dict[str, NodeGpus]:
    """Choose the GPUs of a new cluster, which no other one has, and write down which they are.

    Args:
        folder: of the cluster; others lie beside it.
        inventory: says how many each node is to have.
        host: what there is; None asks the driver.

    Raises:
        ClusterError: there are too few.
    """
    root = folder.path.parent
    wanted = {
        node.name: sum(group.count for group in node.devices)
        for node in inventory.nodes
        if node.devices
    }
    with locked(root / _LOCK):
        taken = {uuid for path in root.glob(f"*/{FILE}") for uuid in _uuids(path)}
        assigned = assign_gpus((host or host_gpus()).gpus, wanted, taken)
        document = {one.node: one.uuids for one in assigned}
        folder.write_files({FILE: json.dumps(document).encode()})
    return {one.node: one for one in assigned}


def install_driver(folder: ClusterFolder, inventory: Inventory, api: ApiServer) -> None:
    """Prepare the nodes with GPUs, and install NVIDIA's DRA driver in the cluster.

    Raises:
        ClusterError: a node, or the installation, failed; says why.
    """
    containers = container_names(folder.path, inventory)
    for node in inventory.nodes:
        if not node.devices:
            continue
        for command in node_commands():
            docker("exec", containers[node.name], *command)
        api.patch(f"/api/v1/nodes/{node.name}", {"metadata": {"labels": NODE_LABELS}})
    _run(install_command(Path(installed_toolkit().helm), folder.kubeconfig("platform")))


def _run(command: list[str]) -> None:
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_INSTALL_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClusterError(f"NVIDIA's DRA driver could not be installed: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip()[-_LAST:]
        raise CommandError(f"NVIDIA's DRA driver could not be installed: {said}")


def _uuids(path: Path) -> Iterator[str]:
    try:
        for uuids in json.loads(path.read_text(encoding="utf-8")).values():
            yield from uuids
    except (OSError, ValueError, AttributeError):
        return
