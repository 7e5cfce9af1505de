"""GPUs of the host: the real nvidia-ml-py reads a mock of NVML, never hardware."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).parent / "mock_nvml.c"
ASK = """
import dataclasses, json
from clusters.accelerators.gpus import host_gpus
print(json.dumps(dataclasses.asdict(host_gpus())))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the mock."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("there is no C compiler for the mock of NVML")
    folder = tmp_path_factory.mktemp("nvml")
    made = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(made), str(SOURCE)], check=True)
    return folder


def asked(library: Path | None, **mock: str) -> dict[str, Any]:
    """Ask for the GPUs in a process of its own, which has the mock for a driver."""
    environment = {**os.environ, **mock}
    environment["LD_LIBRARY_PATH"] = str(library or "/nonexistent")
    done = subprocess.run(
        [sys.executable, "-c", ASK], env=environment, capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_every_gpu_is_read_from_the_driver(library: Path) -> None:
    found = asked(library)

    assert (found["driver"], found["reason"]) == ("580.95.05", "")
    assert found["gpus"][1] == {
        "index": 1,
        "uuid": "GPU-00000000-0000-0000-0000-000000000001",
        "model": "NVIDIA H200",
        "memory": 150754820096,
        "bus_id": "00000000:1A:00.0",
        "compute_capability": "9.0",
        "numa_node": 1,
        "mig": False,
    }


def test_what_a_gpu_cannot_say_is_left_open(library: Path) -> None:
    assert asked(library)["gpus"][0]["numa_node"] is None


def test_a_gpu_that_is_cut_says_so(library: Path) -> None:
    assert [gpu["mig"] for gpu in asked(library, MOCK_MIG="1")["gpus"]] == [False, True]


@pytest.mark.parametrize(
    ("mock", "reason"),
    [
        ({"MOCK_GPUS": "0"}, "the driver has no GPU"),
        ({"MOCK_INIT": "9"}, "does not answer: Driver Not Loaded"),
    ],
)
def test_why_there_are_none_is_said(library: Path, mock: dict[str, str], reason: str) -> None:
    found = asked(library, **mock)

    assert found["gpus"] == []
    assert reason in found["reason"]


def test_a_host_without_a_driver_has_none() -> None:
    found = asked(None)

    assert found["gpus"] == [] or found["driver"]  # a host of somebody who has GPUs
    assert bool(found["reason"]) != bool(found["gpus"])
