"""What a host with GPUs lacks, and how they get into nodes; from recorded output, no hardware."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from clusters.accelerators.gpus import (
    Gpu,
    HostGpus,
    Toolkit,
    assign_gpus,
    gpu_problems,
    installed_toolkit,
)
from clusters.accelerators.gpus.passing import CHART_VERSION, install_command
from clusters.errors import ClusterError

GPUS = tuple(
    Gpu(n, f"GPU-{n}", "NVIDIA H200", 150754820096, f"0:{n}", "9.0", numa_node=n % 2)
    for n in range(4)
)
HOST = HostGpus("580.95.05", GPUS)
READY = Toolkit(
    version="1.18.0",
    cdi_devices=frozenset({f"nvidia.com/gpu={gpu.uuid}" for gpu in GPUS}),
    default_runtime="nvidia",
    by_mount=True,
    helm="/bin/helm",
)
RECORDED = {
    "nvidia-ctk --version": "NVIDIA Container Toolkit CLI version 1.18.0\ncommit: f8daa5e26\n",
    "nvidia-ctk cdi list": "nvidia.com/gpu=0\nnvidia.com/gpu=GPU-0\nnvidia.com/gpu=all\n",
    "docker info --format {{.DefaultRuntime}}": "nvidia\n",
}


def test_what_the_tools_print_is_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "config.toml"
    config.write_text("accept-nvidia-visible-devices-as-volume-mounts = true\n[nvidia-ctk]\n")

    monkeypatch.setenv("PATH", str(tmp_path))

    found = installed_toolkit(lambda command: RECORDED[" ".join(command)], config)

    devices = {"nvidia.com/gpu=0", "nvidia.com/gpu=GPU-0", "nvidia.com/gpu=all"}
    assert found == Toolkit("1.18.0", frozenset(devices), "nvidia", True)


def test_a_host_without_the_tools_has_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert installed_toolkit(lambda command: "", tmp_path / "none.toml") == Toolkit()


@pytest.mark.parametrize("text", ["not [toml", "accept-nvidia-visible-devices-as-volume-mounts=1"])
def test_a_configuration_that_does_not_allow_mounts_is_no_yes(tmp_path: Path, text: str) -> None:
    config = tmp_path / "config.toml"
    config.write_text(text)

    assert not installed_toolkit(lambda command: "", config).by_mount


def test_a_host_that_has_everything_lacks_nothing() -> None:
    assert gpu_problems(HOST, READY) == []


@pytest.mark.parametrize(
    ("host", "toolkit", "said"),
    [
        (HostGpus(reason="the driver has no GPU"), READY, "the driver has no GPU: install"),
        (replace(HOST, driver="550.54.15"), READY, "is 550.54.15: install 565 or newer"),
        (
            replace(HOST, gpus=(replace(GPUS[0], mig=True),)),
            READY,
            "GPU-0 are cut into instances",
        ),
        (HOST, Toolkit(helm="/bin/helm"), "install nvidia-container-toolkit"),
        (HOST, replace(READY, helm=""), "helm is not installed: install 3.8 or newer"),
        (HOST, replace(READY, version="1.17.4"), "is 1.17.4: install 1.18 or newer"),
        (HOST, replace(READY, default_runtime="runc"), "--set-as-default"),
        (HOST, replace(READY, by_mount=False), "volume-mounts=true"),
        (HOST, replace(READY, cdi_devices=frozenset()), "CDI does not know GPU-0, GPU-1"),
    ],
)
def test_each_thing_that_is_missing_is_said_with_what_mends_it(
    host: HostGpus, toolkit: Toolkit, said: str
) -> None:
    [problem] = gpu_problems(host, toolkit)

    assert said in problem


def test_everything_that_is_missing_is_said_at_once() -> None:
    toolkit = Toolkit(version="1.17.4")

    assert len(gpu_problems(replace(HOST, driver="550.1"), toolkit)) == 6


def test_nodes_get_gpus_that_nobody_has_and_neighbours_where_it_can_be() -> None:
    first, second = assign_gpus(GPUS, {"a": 1, "b": 2}, taken={"GPU-0"})

    assert (first.uuids, second.uuids) == (("GPU-2",), ("GPU-1", "GPU-3"))


def test_a_gpu_is_asked_for_by_a_mount() -> None:
    [node] = assign_gpus(GPUS, {"a": 1}, taken=())

    assert node.mounts() == [(Path("/dev/null"), "/var/run/nvidia-container-devices/GPU-0")]


def test_too_few_gpus_are_said_with_numbers() -> None:
    with pytest.raises(ClusterError, match="3 GPUs are asked for, and 2 of this host's 4 are free"):
        assign_gpus(GPUS, {"a": 3}, taken={"GPU-0", "GPU-1"})


def test_the_driver_is_installed_at_a_pinned_version() -> None:
    command = install_command(Path("/bin/helm"), Path("/c/platform.kubeconfig"))

    assert f"--version={CHART_VERSION}" in command
    assert "--kubeconfig=/c/platform.kubeconfig" in command
