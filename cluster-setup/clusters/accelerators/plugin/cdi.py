"""CDI files: what a container gets with a device. Container Device Interface 0.6.0.

Each claim has one file; the name of each device in it is used by no other file, as CDI wants it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from clusters.accelerators.plugin.allotment import Allotment
from clusters.accelerators.plugin.settings import PLUGINS_IN_NODE

CDI_VERSION = "0.6.0"
DEVICES_IN_CONTAINER = "/dev/assay"
"""A container has the device nodes of its devices here."""
FILES_IN_CONTAINER = "/run/assay/devices"
"""... and a description of each here, as JSON."""
CLAIM, CLAIM_UID = "assay.dev/claim", "assay.dev/claim-uid"
"""Annotations of a file."""


@dataclass(frozen=True)
class ClaimId:
    """Which claim it is."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"


def file_name(driver: str, uid: str) -> str:
    """Return the name of the CDI file of a claim."""
    return f"k8s.{driver}-{uid}.json"


def description_name(driver: str, uid: str, device: str) -> str:
    """Return the name of the file that describes a device to its containers."""
    return f"{driver}-{uid}-{device}.json"


def qualified_name(driver: str, uid: str, allotment: Allotment) -> str:
    """Return the name by which the kubelet asks containerd for a device."""
    return f"{_kind(driver)}={_device_name(uid, allotment)}"


def cdi_file(driver: str, node: str, claim: ClaimId, devices: Sequence[Allotment]) -> bytes:
    """Return the CDI file of a claim.

    Args:
        driver: name of the driver.
        node: name of the node.
        claim: whose devices they are.
        devices: what it was given.
    """
    document = {
        "cdiVersion": CDI_VERSION,
        "kind": _kind(driver),
        "annotations": {CLAIM: str(claim), CLAIM_UID: claim.uid},
        "containerEdits": {
            "env": [f"DRA_RESOURCE_DRIVER_NAME={driver}", f"KUBERNETES_NODE_NAME={node}"]
        },
        "devices": [
            {
                "name": _device_name(claim.uid, one),
                "annotations": {"assay.dev/device": one.device},
                "containerEdits": {
                    "env": [f"{name}={value}" for name, value in _environment(claim, one).items()],
                    "deviceNodes": [_device_node(one)],
                    "mounts": [_mount(driver, claim, one)],
                },
            }
            for one in devices
        ],
    }
    return json.dumps(document, indent=1).encode()


def description(claim: ClaimId, one: Allotment) -> bytes:
    """Return what a container can read about a device of its own."""
    attributes = {
        name: next(iter(value.values())) for name, value in one.entry["attributes"].items()
    }
    document = {
        "device": one.device,
        "pool": one.pool,
        "claim": str(claim),
        "request": one.request,
        "memory": one.memory,
        "attributes": attributes,
    }
    return json.dumps(document, indent=1).encode()


def _kind(driver: str) -> str:
    return f"k8s.{driver}/gpu"


def _device_name(uid: str, one: Allotment) -> str:
    """Return a name that no other file has; one claim may hold two shares of one device."""
    return "-".join(part for part in (uid, one.device, one.share_id) if part)


def _environment(claim: ClaimId, one: Allotment) -> dict[str, str]:
    """Return variables named as dra-example-driver names its own, so its manifests work here."""
    key = f"GPU_DEVICE_{one.device.removeprefix('gpu-').upper().replace('-', '_')}"
    attributes = one.entry["attributes"]
    variables = {
        key: one.device,
        f"{key}_UUID": attributes["uuid"]["string"],
        f"{key}_MODEL": attributes["model"]["string"],
        f"{key}_MEMORY": one.memory,
        f"{key}_RESOURCE_CLAIM": claim.uid,
    }
    if one.share_id:
        variables[f"{key}_SHARE_ID"] = one.share_id
    if one.admin:
        variables["DRA_ADMIN_ACCESS"] = "true"
    return variables


def _device_node(one: Allotment) -> dict[str, Any]:
    """Return a device node that is there only for who was given it; behind it is /dev/null."""
    return {
        "path": f"{DEVICES_IN_CONTAINER}/{one.device}",
        "hostPath": "/dev/null",
        "type": "c",
        "major": 1,
        "minor": 3,
        "fileMode": 0o666,
        "permissions": "rw",
    }


def _mount(driver: str, claim: ClaimId, one: Allotment) -> dict[str, Any]:
    return {
        "hostPath": f"{PLUGINS_IN_NODE}/{description_name(driver, claim.uid, one.device)}",
        "containerPath": f"{FILES_IN_CONTAINER}/{one.device}.json",
        "options": ["ro", "nosuid", "nodev", "bind"],
    }
