"""The finding about GPUs for nodes, from what a driver and a toolkit would say."""

from __future__ import annotations

from clusters.accelerators.gpus import Gpu, HostGpus, Toolkit
from clusters.doctor.finding import State
from clusters.doctor.gpus import describe

HOST = HostGpus("580.95.05", (Gpu(0, "GPU-0", "NVIDIA H200", 150754820096, "0:0"),))
READY = Toolkit("1.18.0", frozenset({"nvidia.com/gpu=GPU-0"}), "nvidia", True, "/bin/helm")


def test_a_host_without_gpus_has_nothing_to_mend() -> None:
    finding = describe(HostGpus(reason="NVIDIA's driver is not installed"), Toolkit())

    assert (finding.state, finding.fix) == (State.OK, "")
    assert "NVIDIA's driver is not installed" in finding.found


def test_a_host_that_is_ready_says_that_this_was_never_tried() -> None:
    finding = describe(HOST, READY)

    assert finding.state is State.OK
    assert finding.found.startswith("1 (NVIDIA H200), driver 580.95.05")
    assert "not run on hardware" in finding.found


def test_what_is_missing_is_said_with_what_mends_it() -> None:
    finding = describe(HOST, Toolkit(helm="/bin/helm"))

    assert finding.state is State.WARN
    assert finding.fix == (
        "NVIDIA's container toolkit is not installed: install nvidia-container-toolkit."
    )
