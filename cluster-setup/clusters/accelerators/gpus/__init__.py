"""GPUs of this host: what there is, what is missing to use it, and how it gets into nodes.

Written after NVIDIA's interfaces and recorded output, and tried against a mock of NVML and of the
tools. It has not been run on hardware.
"""

from clusters.accelerators.gpus.nvml import Gpu, HostGpus, host_gpus
from clusters.accelerators.gpus.passing import NodeGpus, assign_gpus
from clusters.accelerators.gpus.readiness import gpu_problems
from clusters.accelerators.gpus.toolkit import Toolkit, installed_toolkit

NOT_RUN_ON_HARDWARE = "written against mocks, not run on hardware yet"
"""Stands wherever people are told that GPUs can be used."""

__all__ = [
    "NOT_RUN_ON_HARDWARE",
    "Gpu",
    "HostGpus",
    "NodeGpus",
    "Toolkit",
    "assign_gpus",
    "gpu_problems",
    "host_gpus",
    "installed_toolkit",
]
