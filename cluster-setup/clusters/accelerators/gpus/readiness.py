"""Readiness: what a host with GPUs lacks until nodes can have them, each with what mends it.

Versions: prerequisites of NVIDIA's DRA driver 0.4. The mount: how nvkind passes GPUs to nodes.
"""

from __future__ import annotations

from clusters.accelerators.gpus.nvml import HostGpus
from clusters.accelerators.gpus.toolkit import Toolkit

OLDEST_DRIVER = (565,)
OLDEST_TOOLKIT = (1, 18)
_CONFIGURE = "nvidia-ctk runtime configure --runtime=docker --set-as-default --cdi.enabled"
_BY_MOUNT = "nvidia-ctk config --in-place --set accept-nvidia-visible-devices-as-volume-mounts=true"
_SPECIFY = "nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"


def gpu_problems(host: HostGpus, toolkit: Toolkit) -> list[str]:
    """Return what is missing before a cluster can have this host's GPUs; [] when nothing is.

    Args:
        host: what the driver says.
        toolkit: what the container toolkit says.
    """
    if not host.gpus:
        return [f"{host.reason}: install the driver of NVIDIA's data center GPUs"]
    no_helm = "helm is not installed: install 3.8 or newer, which brings NVIDIA's DRA driver"
    return [*_of_driver(host), *_of_toolkit(host, toolkit), *([] if toolkit.helm else [no_helm])]


def _of_driver(host: HostGpus) -> list[str]:
    problems = []
    if _numbers(host.driver) < OLDEST_DRIVER:
        problems.append(
            f"NVIDIA's driver is {host.driver}: install {OLDEST_DRIVER[0]} or newer, which its DRA "
            "driver needs"
        )
    if cut := [gpu.uuid for gpu in host.gpus if gpu.mig]:
        problems.append(
            f"{', '.join(cut)} are cut into instances: nodes are given whole GPUs, so switch that "
            "off with `nvidia-smi -mig 0`"
        )
    return problems


def _of_toolkit(host: HostGpus, toolkit: Toolkit) -> list[str]:
    if not toolkit.version:
        return ["NVIDIA's container toolkit is not installed: install nvidia-container-toolkit"]
    problems = []
    if _numbers(toolkit.version) < OLDEST_TOOLKIT:
        problems.append(
            f"NVIDIA's container toolkit is {toolkit.version}: install "
            f"{'.'.join(map(str, OLDEST_TOOLKIT))} or newer"
        )
    if toolkit.default_runtime != "nvidia":
        problems.append(
            "Docker does not start containers with NVIDIA's runtime: run "
            f"`{_CONFIGURE}` and restart Docker"
        )
    if not toolkit.by_mount:
        problems.append(f"nodes cannot ask for GPUs by a mount: run `{_BY_MOUNT}`")
    known = toolkit.cdi_devices
    if lacking := [gpu.uuid for gpu in host.gpus if f"nvidia.com/gpu={gpu.uuid}" not in known]:
        problems.append(f"CDI does not know {', '.join(lacking)}: run `{_SPECIFY}`")
    return problems


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
