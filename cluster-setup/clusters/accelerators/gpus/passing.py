"""Passing: which node is given which GPUs, and how they and NVIDIA's driver get into it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusters.accelerators.gpus.nvml import Gpu
from clusters.errors import ClusterError

CHART = "oci://registry.k8s.io/dra-driver-nvidia/charts/dra-driver-nvidia-gpu"
CHART_VERSION = "0.4.0"
"""Of NVIDIA's DRA driver (kubernetes-sigs/dra-driver-nvidia-gpu)."""
RELEASE = "dra-driver-nvidia-gpu"
"""Name of the release and of its namespace."""
NODE_LABELS = {"nvidia.com/gpu.present": "true"}
"""By which the chart finds nodes with GPUs."""
_ASKED_BY_MOUNT = "/var/run/nvidia-container-devices"


@dataclass(frozen=True)
class NodeGpus:
    """The GPUs of one node."""

    node: str
    uuids: tuple[str, ...]

    def mounts(self) -> list[tuple[Path, str]]:
        """Return what the node mounts so that NVIDIA's runtime gives it these GPUs and no other.

        Each mount names a GPU; what is mounted does not matter.
        """
        return [(Path("/dev/null"), f"{_ASKED_BY_MOUNT}/{uuid}") for uuid in self.uuids]


def assign_gpus(
    gpus: Sequence[Gpu], wanted: dict[str, int], taken: Collection[str]
) -> list[NodeGpus]:
    """Give free GPUs to the nodes of a new cluster, those of one NUMA node together.

    Nothing but this keeps a GPU from being in two clusters.

    Args:
        gpus: of this host.
        wanted: how many each node is to have.
        taken: uuids of the GPUs that other clusters have.

    Raises:
        ClusterError: there are too few.
    """
    free = sorted(
        (gpu for gpu in gpus if gpu.uuid not in taken and not gpu.mig),
        key=lambda gpu: (gpu.numa_node if gpu.numa_node is not None else -1, gpu.index),
    )
    needed = sum(wanted.values())
    if needed > len(free):
        raise ClusterError(
            f"{needed} GPUs are asked for, and {len(free)} of this host's {len(gpus)} are free: "
            "delete a cluster that has some, or ask for fewer"
        )
    assigned = []
    for node, count in wanted.items():
        assigned.append(NodeGpus(node, tuple(gpu.uuid for gpu in free[:count])))
        free = free[count:]
    return assigned


def install_command(helm: Path, kubeconfig: Path) -> list[str]:
    """Return the command that installs NVIDIA's DRA driver, or leaves the installed one alone.

    Args:
        helm: the program.
        kubeconfig: of the platform; the file is named, its content is in no argument.
    """
    return [
        str(helm),
        "upgrade",
        "--install",
        RELEASE,
        CHART,
        f"--version={CHART_VERSION}",
        f"--namespace={RELEASE}",
        "--create-namespace",
        f"--kubeconfig={kubeconfig}",
        "--set=gpuResourcesEnabledOverride=true",
        "--set=resources.computeDomains.enabled=false",
        "--wait",
        "--timeout=5m",
    ]


def node_commands() -> list[list[str]]:
    """Return what is run in a node with GPUs, so that its containers can have them.

    NVIDIA's runtime covers this folder to hide the host's other GPUs; containers in the node trip
    over it.
    """
    covered = "/proc/driver/nvidia"
    return [["sh", "-c", f"! mountpoint --quiet {covered} || umount --recursive {covered}"]]
