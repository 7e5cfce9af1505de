"""GPUs in kind clusters: from mocks of what a host would say, no hardware."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from clusters.accelerators.gpus import Gpu, HostGpus
from clusters.capability import Capability
from clusters.errors import ClusterError
from clusters.inventory import parse_inventory
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.kind.config import kind_config
from clusters.providers.kind.dra_driver import has_devices
from clusters.providers.kind.gpus import reserve_gpus

DEVICES = {"model": "H200", "memory": "141Gi", "driverVersion": "580.95.5"}
INVENTORY = parse_inventory(
    {
        "nodes": [
            {"name": "control"},
            {"name": "big", "devices": [{**DEVICES, "count": 2}]},
            {"name": "small", "devices": [{**DEVICES, "count": 1}]},
        ]
    },
    "gpus",
)
HOST = HostGpus(
    "580.95.05", tuple(Gpu(n, f"GPU-{n}", "NVIDIA H200", 150754820096, f"0:{n}") for n in range(4))
)


@pytest.fixture
def folder(tmp_path: Path) -> ClusterFolder:
    path = tmp_path / "kind" / "demo"
    path.mkdir(parents=True)
    return ClusterFolder(path)


def record(*capabilities: Capability) -> Record:
    return Record("demo", "", "v1.37.2", 1, "", INVENTORY, capabilities=frozenset(capabilities))


def test_each_node_gets_as_many_gpus_as_its_inventory_has_devices(folder: ClusterFolder) -> None:
    found = reserve_gpus(folder, INVENTORY, HOST)

    assert {node: one.uuids for node, one in found.items()} == {
        "big": ("GPU-0", "GPU-1"),
        "small": ("GPU-2",),
    }
    kept = folder.path / "gpus.json"
    assert json.loads(kept.read_text()) == {"big": ["GPU-0", "GPU-1"], "small": ["GPU-2"]}
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_a_gpu_is_in_one_cluster_until_that_goes(folder: ClusterFolder) -> None:
    other = ClusterFolder(folder.path.with_name("other"))
    other.path.mkdir()
    reserve_gpus(other, INVENTORY, HOST)

    with pytest.raises(ClusterError, match="1 of this host's 4 are free"):
        reserve_gpus(folder, INVENTORY, HOST)

    other.remove()
    assert reserve_gpus(folder, INVENTORY, HOST)


def test_a_node_mounts_its_gpus_and_no_other(folder: ClusterFolder) -> None:
    gpus = reserve_gpus(folder, INVENTORY, HOST)

    nodes = kind_config(folder, INVENTORY, 1, old_groups=False, gpus=gpus)["nodes"]

    start = "/var/run/nvidia-container-devices/"
    asked = [
        {
            mount["containerPath"].removeprefix(start)
            for mount in node["extraMounts"]
            if mount["containerPath"].startswith(start)
        }
        for node in nodes
    ]
    assert asked == [set(), {"GPU-0", "GPU-1"}, {"GPU-2"}]


def test_hardware_is_in_place_of_simulated_devices() -> None:
    assert has_devices(record())
    assert not has_devices(record(Capability.GPU))
