"""What kind is asked for, and the names of things: rules without Docker."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from clusters.errors import ClusterError, InputInvalid
from clusters.inventory import Inventory, parse_inventory
from clusters.phases import Phase
from clusters.providers.embedded.folder import ClusterFolder
from clusters.providers.kind import KindProvider
from clusters.providers.kind.config import kind_config
from clusters.providers.kind.creation import _tell, explained
from clusters.providers.kind.docker import Container, folders_mounted
from clusters.providers.kind.layout import container_names, kind_name
from clusters.providers.kind.memory import node_memory
from clusters.spec import ClusterSpec

FOLDER = ClusterFolder(Path("/state/kind/demo"))


def inventory(count: int) -> Inventory:
    nodes = [{"name": f"gpu-node-{number}"} for number in range(count)]
    return parse_inventory({"nodes": nodes}, "test")


def asked(count: int = 2, *, old_groups: bool = False) -> dict[str, Any]:
    return kind_config(FOLDER, inventory(count), 20123, old_groups=old_groups)


def patch_of(node: dict[str, Any]) -> dict[str, Any]:
    [patch] = node["kubeadmConfigPatches"]
    document: dict[str, Any] = yaml.safe_load(patch)
    return document


def test_nodes_are_called_as_the_inventory_calls_them() -> None:
    nodes = asked(3)["nodes"]

    assert [node["role"] for node in nodes] == ["control-plane", "worker", "worker"]
    assert [patch_of(node)["nodeRegistration"]["name"] for node in nodes] == [
        "gpu-node-0",
        "gpu-node-1",
        "gpu-node-2",
    ]


def test_the_first_node_takes_pods_too() -> None:
    assert patch_of(asked(2)["nodes"][0])["nodeRegistration"]["taints"] == []
    # kind takes the taint off an only node itself, and fails where there is none
    assert "taints" not in patch_of(asked(1)["nodes"][0])["nodeRegistration"]


def test_kubeadm_is_patient_on_every_node() -> None:
    patiences = [patch_of(node)["timeouts"] for node in asked(3)["nodes"]]

    assert all(found["kubernetesAPICall"] == "5m0s" for found in patiences)


def test_the_api_server_listens_on_loopback_alone() -> None:
    assert asked()["networking"] == {"apiServerAddress": "127.0.0.1", "apiServerPort": 20123}


def test_workers_join_by_a_token_that_nobody_knows() -> None:
    first, second = asked(2), asked(2)

    tokens = [
        {
            patch_of(config["nodes"][0])["bootstrapTokens"][0]["token"],
            patch_of(config["nodes"][1])["discovery"]["bootstrapToken"]["token"],
        }
        for config in (first, second)
    ]
    assert [len(found) for found in tokens] == [1, 1]
    assert tokens[0] != tokens[1]
    assert "abcdef.0123456789abcdef" not in tokens[0]


def test_the_log_is_written_to_the_spool_and_the_kept_one_is_in_no_node() -> None:
    mounts = [m for node in asked(2)["nodes"] for m in node["extraMounts"]]
    hosts = {mount["hostPath"]: mount["readOnly"] for mount in mounts}

    assert hosts["/state/kind/demo/spool"] is False
    assert hosts["/state/kind/demo/policy"] is True
    assert not any(FOLDER.audit_log.is_relative_to(path) for path in hosts)


def test_each_node_has_folders_for_drivers_of_its_own() -> None:
    nodes = asked(2)["nodes"]
    folders = [{m["containerPath"]: m["hostPath"] for m in node["extraMounts"]} for node in nodes]

    for number, mounts in enumerate(folders):
        base = f"/state/kind/demo/nodes/gpu-node-{number}"
        assert mounts["/var/lib/kubelet/plugins"] == f"{base}/plugins"
        assert mounts["/var/lib/kubelet/plugins_registry"] == f"{base}/plugins_registry"
        assert mounts["/run/cdi"] == f"{base}/cdi"


def test_nothing_in_the_cluster_signs_certificates_but_those_of_kubelets() -> None:
    [patch] = asked()["kubeadmConfigPatchesJSON6902"]
    added = [op["value"] for op in yaml.safe_load(patch["patch"]) if "controllerM" in op["path"]]
    flags = {flag["name"]: flag["value"] for flag in added}

    assert flags["cluster-signing-cert-file"] == flags["cluster-signing-key-file"] == ""
    assert flags["cluster-signing-kubelet-client-key-file"].endswith("ca.key")


def test_old_control_groups_are_accepted_only_where_there_are_some() -> None:
    assert asked()["kubeadmConfigPatches"] == []
    assert "failCgroupV1: false" in asked(old_groups=True)["kubeadmConfigPatches"][0]


# --- names


def test_two_installations_never_share_a_name_at_docker() -> None:
    one, two = Path("/home/a/kind/demo"), Path("/home/b/kind/demo")

    assert kind_name(one) != kind_name(two)
    assert kind_name(one).startswith("demo-")


@pytest.mark.parametrize("name", ["a", "a" * 50, f"{'a' * 39}-{'b' * 10}"])
def test_host_names_are_short_enough(name: str) -> None:
    names = container_names(Path("/state/kind") / name, inventory(4)).values()

    assert len(set(names)) == 4
    assert all(len(found) <= 63 and "--" not in found for found in names)


def test_more_nodes_than_kind_makes_are_refused_with_the_number(tmp_path: Path) -> None:
    with pytest.raises(InputInvalid, match="1 to 4 nodes on one host, and the inventory has 5"):
        KindProvider(tmp_path).create(ClusterSpec("demo", inventory(5)))
    assert list(tmp_path.iterdir()) == []


def test_a_node_whose_folder_is_gone_is_found_by_what_it_mounts(tmp_path: Path) -> None:
    mounted = frozenset({f"{tmp_path}/demo/nodes/a/cdi", "/lib/modules"})
    node = Container("id", "demo-x-worker", "demo-x", 1, paused=False, ended="", mounts=mounted)

    assert folders_mounted([node], tmp_path) == {"demo"}
    assert folders_mounted([node], tmp_path / "other") == set()


# --- what kind says


def test_what_kind_prints_becomes_phases() -> None:
    told: list[Phase] = []
    lines = [
        'Creating cluster "x" ...',
        " • Ensuring node image (assay/node:v1.37.2) 🖼  ...",
        " ✓ Ensuring node image (assay/node:v1.37.2) 🖼",
        " • Preparing nodes 📦 📦  ...",
        " ✓ Preparing nodes 📦 📦 ",
        " • Something new ...",
        " ✓ Something new",
    ]

    _tell(iter(lines), told.append)

    assert [(phase.name, phase.seconds is None) for phase in told] == [
        ("node-image-check", True),
        ("node-image-check", False),
        ("nodes", True),
        ("nodes", False),
    ]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("Bind for 127.0.0.1:20123 failed: port is already allocated.", "port 20123 .* in use"),
        ("listen tcp4 127.0.0.1:20123: bind: address already in use", "port 20123 .* in use"),
        ("write /var/x: no space left on device", "full: .* free some space"),
        ("could not find an available, non-overlapping IPv4 address pool", "default-address-pools"),
        ("Creating...\nERROR: failed to create cluster: it is raining\n", "it is raining"),
        ("", "nothing"),
    ],
)
def test_a_failure_is_one_sentence(output: str, sentence: str) -> None:
    error = explained(output, 20123, FOLDER)

    assert isinstance(error, ClusterError)
    assert "\n" not in str(error)
    assert re.search(sentence, str(error))


def test_a_container_that_is_gone_uses_no_memory() -> None:
    assert node_memory("f" * 64, 2**22 + 1) == 0
