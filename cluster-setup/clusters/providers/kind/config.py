"""What kind is asked for: the document of `kind create cluster --config`.

The format is kind.x-k8s.io/v1alpha4; patches go to kubeadm.k8s.io/v1beta4, which kind writes for
Kubernetes 1.36 and newer.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from clusters.accelerators.gpus import NodeGpus
from clusters.inventory import Inventory
from clusters.providers.embedded.folder import ClusterFolder
from clusters.providers.embedded.ports import LOOPBACK
from clusters.providers.kind.layout import node_folder, policy, spool

_AUDIT = "/var/log/kubernetes/audit"
_POLICY = "/etc/kubernetes/audit"
_AUTHORITY = "/etc/kubernetes/pki/ca"
_SPOOL_MEGABYTES = 20
_PATIENCE = {
    "controlPlaneComponentHealthCheck": "8m0s",
    "discovery": "8m0s",
    "kubeletHealthCheck": "8m0s",
    "kubernetesAPICall": "5m0s",
    "tlsBootstrap": "8m0s",
}
"""How long kubeadm waits for parts of the cluster; its own one to five minutes are too short for a
host on which many clusters start at once."""


def kind_config(
    folder: ClusterFolder,
    inventory: Inventory,
    port: int,
    *,
    old_groups: bool,
    gpus: Mapping[str, NodeGpus] | None = None,
) -> dict[str, Any]:
    """Return what kind is to make.

    Args:
        folder: of the cluster.
        inventory: its nodes; the first one carries the control plane as well.
        port: loopback port of the API server on this host.
        old_groups: whether this host has control groups of version 1.
        gpus: GPUs of this host by the node that gets them.
    """
    token = _new_token()
    nodes = [
        _node(folder, node.name, position, len(inventory.nodes), token)
        for position, node in enumerate(inventory.nodes)
    ]
    for node, made in zip(inventory.nodes, nodes, strict=True):
        if gpus and node.name in gpus:
            made["extraMounts"] += [_mount(*pair) for pair in gpus[node.name].mounts()]
    patches = ["kind: KubeletConfiguration\nfailCgroupV1: false\n"] if old_groups else []
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "networking": {"apiServerAddress": LOOPBACK, "apiServerPort": port},
        "nodes": nodes,
        "kubeadmConfigPatches": patches,
        "kubeadmConfigPatchesJSON6902": [
            {
                "group": "kubeadm.k8s.io",
                "version": "v1beta4",
                "kind": "ClusterConfiguration",
                "patch": yaml.safe_dump(_control_plane_patch()),
            }
        ],
    }


def _node(
    folder: ClusterFolder, name: str, position: int, count: int, token: str
) -> dict[str, Any]:
    mounts = [_mount(*pair) for pair in node_folder(folder, name).mounts()]
    registration: dict[str, Any] = {"name": name}
    patch: dict[str, Any] = {"nodeRegistration": registration, "timeouts": _PATIENCE}
    if position > 0:
        patch |= {
            "kind": "JoinConfiguration",
            "discovery": {"bootstrapToken": {"token": token}},
        }
        return {
            "role": "worker",
            "extraMounts": mounts,
            "kubeadmConfigPatches": [yaml.safe_dump(patch)],
        }
    if count > 1:  # kind itself takes the taint off an only node, and fails where there is none
        registration["taints"] = []
    patch |= {"kind": "InitConfiguration", "bootstrapTokens": [{"token": token}]}
    mounts += [_mount(spool(folder), _AUDIT), _mount(policy(folder), _POLICY, read_only=True)]
    return {
        "role": "control-plane",
        "extraMounts": mounts,
        "kubeadmConfigPatches": [yaml.safe_dump(patch)],
    }


def _control_plane_patch() -> list[dict[str, Any]]:
    """Return additions to the flags of the control plane, as a JSON patch (RFC 6902)."""
    audit = {
        "audit-policy-file": f"{_POLICY}/audit-policy.yaml",
        "audit-log-path": f"{_AUDIT}/audit.log",
        "audit-log-maxsize": str(_SPOOL_MEGABYTES),
        "audit-log-maxbackup": "3",
    }
    # The controller-manager signs nothing but the certificates of kubelets: with kubeadm's own
    # flags a cluster-admin could have one signed in the name of the scheduler or of the grader.
    signing = {
        "cluster-signing-cert-file": "",
        "cluster-signing-key-file": "",
        "cluster-signing-kubelet-client-cert-file": f"{_AUTHORITY}.crt",
        "cluster-signing-kubelet-client-key-file": f"{_AUTHORITY}.key",
    }
    volumes = [
        _volume("audit-log", _AUDIT, "DirectoryOrCreate", read_only=False),
        _volume("audit-policy", _POLICY, "Directory", read_only=True),
    ]
    return [
        *_added("apiServer", audit),
        {"op": "add", "path": "/apiServer/extraVolumes", "value": volumes},
        *_added("controllerManager", signing),
    ]


def _added(component: str, flags: dict[str, str]) -> list[dict[str, Any]]:
    path = f"/{component}/extraArgs/-"
    return [
        {"op": "add", "path": path, "value": {"name": name, "value": value}}
        for name, value in flags.items()
    ]


def _volume(name: str, path: str, kind: str, *, read_only: bool) -> dict[str, Any]:
    return {
        "name": name,
        "hostPath": path,
        "mountPath": path,
        "pathType": kind,
        "readOnly": read_only,
    }


def _mount(host: Path, container: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"hostPath": str(host), "containerPath": container, "readOnly": read_only}


def _new_token() -> str:
    """Return a token by which workers join, in place of kind's own, which everybody knows."""
    return f"{secrets.token_hex(3)}.{secrets.token_hex(8)}"


def config_file(document: dict[str, Any]) -> bytes:
    """Return the document as kind reads it."""
    return yaml.safe_dump(document, sort_keys=False).encode()
