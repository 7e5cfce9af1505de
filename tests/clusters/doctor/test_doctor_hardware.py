"""Probes of Docker, control groups, capabilities and GPUs, with fake programs that say so."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusters.doctor import Group, State
from clusters.doctor.hardware import (
    probe_capability,
    probe_cgroups,
    probe_docker,
    probe_gpus,
)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH besides the system's shell."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.mark.usefixtures("bin_folder")
def test_a_host_without_docker_is_told_what_it_is_for() -> None:
    finding = probe_docker()

    assert (finding.state, finding.found) == (State.WARN, "not installed")
    assert finding.group is Group.CONTAINERS


def test_a_docker_daemon_that_answers_is_fine(bin_folder: Path) -> None:
    put(bin_folder, "docker", 'test "$1" = info && echo 28.2.2 || echo Docker version 28.2.2')

    assert (probe_docker().state, probe_docker().found) == (State.OK, "daemon 28.2.2")


def test_a_docker_client_without_a_daemon_says_why(bin_folder: Path) -> None:
    put(bin_folder, "docker", 'test "$1" = info || exit 0; echo Cannot connect >&2; exit 1')

    finding = probe_docker()

    assert (finding.state, finding.found) == (State.WARN, "client only: Cannot connect")


def test_control_groups_are_told_apart(tmp_path: Path) -> None:
    assert probe_cgroups(tmp_path).found == "version 1"
    (tmp_path / "cgroup.controllers").touch()
    assert probe_cgroups(tmp_path).found == "version 2"


@pytest.mark.parametrize(
    ("bounding", "runtime", "state"),
    [
        ("000001ffffffffff", "runc", State.OK),
        ("000001fffeffffff", "runc", State.WARN),
        ("000001fffeffffff", "assay", State.OK),
    ],
)
def test_a_withheld_capability_is_fine_once_docker_does_without(
    tmp_path: Path, bin_folder: Path, bounding: str, runtime: str, state: State
) -> None:
    put(bin_folder, "docker", f"echo {runtime} 28.2.2")
    status = tmp_path / "status"
    status.write_text(f"Name:\tinit\nCapEff:\t0000000000000000\nCapBnd:\t{bounding}\n")

    assert probe_capability(status).state is state


def test_gpus_are_counted(bin_folder: Path) -> None:
    put(bin_folder, "nvidia-smi", 'echo "NVIDIA H200, 143771 MiB"; echo "NVIDIA H200, 143771 MiB"')

    assert probe_gpus().found == "2 x NVIDIA H200, 143771 MiB"


@pytest.mark.usefixtures("bin_folder")
def test_a_host_without_gpus_has_nothing_to_mend() -> None:
    finding = probe_gpus()

    assert (finding.state, finding.fix) == (State.OK, "")
    assert finding.found == "none (nvidia-smi is not installed); labs simulate them"


def test_a_driver_that_fails_is_quoted(bin_folder: Path) -> None:
    put(bin_folder, "nvidia-smi", 'echo "NVIDIA-SMI has failed to talk to the driver"; exit 9')

    assert "none (NVIDIA-SMI has failed to talk to the driver)" in probe_gpus().found
