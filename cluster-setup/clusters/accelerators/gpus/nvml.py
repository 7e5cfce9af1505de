"""The GPUs that NVIDIA's driver knows, asked of its library (NVML) through nvidia-ml-py."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pynvml


@dataclass(frozen=True)
class Gpu:
    """One GPU of this host."""

    index: int
    uuid: str
    """For example `GPU-4404041a-04cf-1ccf-9e70-f139a9b1e23c`."""
    model: str
    memory: int
    """Bytes."""
    bus_id: str
    """On the PCI bus."""
    compute_capability: str = ""
    """For example `9.0`."""
    numa_node: int | None = None
    """None where the host does not say."""
    mig: bool = False
    """Whether it is cut into instances (MIG)."""


@dataclass(frozen=True)
class HostGpus:
    """The driver and its GPUs."""

    driver: str = ""
    """Version of the driver; empty without one."""
    gpus: tuple[Gpu, ...] = ()
    reason: str = ""
    """Why there are none; empty where there are some."""


def host_gpus() -> HostGpus:
    """Ask the driver for its GPUs; every way to fail is an answer, too."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return HostGpus(reason=_sentence(error))
    try:
        driver = str(pynvml.nvmlSystemGetDriverVersion())
        count = pynvml.nvmlDeviceGetCount()
        gpus = tuple(_gpu(index) for index in range(count))
        return HostGpus(driver, gpus, "" if gpus else "the driver has no GPU")
    except pynvml.NVMLError as error:
        return HostGpus(reason=_sentence(error))
    finally:
        with suppress(pynvml.NVMLError):
            pynvml.nvmlShutdown()


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    capability = _maybe(pynvml.nvmlDeviceGetCudaComputeCapability, handle)
    mig = _maybe(pynvml.nvmlDeviceGetMigMode, handle)
    return Gpu(
        index=index,
        uuid=str(pynvml.nvmlDeviceGetUUID(handle)),
        model=str(pynvml.nvmlDeviceGetName(handle)),
        memory=int(pynvml.nvmlDeviceGetMemoryInfo(handle).total),
        bus_id=str(pynvml.nvmlDeviceGetPciInfo(handle).busId),
        compute_capability=".".join(map(str, capability)) if capability else "",
        numa_node=_maybe(pynvml.nvmlDeviceGetNumaNodeId, handle),
        mig=bool(mig and mig[0] == pynvml.NVML_DEVICE_MIG_ENABLE),
    )


def _maybe(ask: Callable[[Any], Any], handle: Any) -> Any:
    """Return what not every GPU, host or driver can say; None where it cannot."""
    try:
        return ask(handle)
    except pynvml.NVMLError:
        return None


def _sentence(error: Exception) -> str:
    if isinstance(error, pynvml.NVMLError_LibraryNotFound):
        return "NVIDIA's driver is not installed"
    return f"NVIDIA's driver does not answer: {error}"
