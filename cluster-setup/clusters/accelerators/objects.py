"""The Kubernetes objects of an Inventory: Nodes and DeviceClasses."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from clusters.accelerators.devices import PARTITION, WHOLE
from clusters.inventory import Inventory, InventoryNode

PODS_PER_NODE = 110
"""What a kubelet allows where nobody says otherwise."""

_CONDITIONS = (
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
    (
        "MemoryPressure",
        "False",
        "KubeletHasSufficientMemory",
        "kubelet has sufficient memory available",
    ),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("NetworkUnavailable", "False", "RouteCreated", "RouteController created a route"),
)
"""Type, status, reason and message of what a kubelet would report; kwok repeats the same."""


def node_objects(inventory: Inventory, kubernetes: str, at: datetime) -> list[dict[str, Any]]:
    """Return a simulated Node for each node of the inventory.

    Each has from the beginning what its kubelet and the controllers would add, in half a dozen
    changes that get into each other's way: conditions, labels of old, the age of cached objects.

    Args:
        inventory: the nodes.
        kubernetes: version that the nodes report, for example `v1.37.2`.
        at: when they report to be ready.
    """
    said = at.isoformat(timespec="seconds").replace("+00:00", "Z")
    return [
        _node(node, position, kubernetes, said) for position, node in enumerate(inventory.nodes)
    ]


def device_classes(inventory: Inventory) -> list[dict[str, Any]]:
    """Return the DeviceClass of whole devices, and the one of partitions where there are some."""
    whole, part = inventory.device_class, inventory.partition_class
    if not inventory.partitioned:
        return [_device_class(whole, _own(inventory), inventory.extended_resource)]
    kind = f"device.attributes['{inventory.driver}'].?type.orValue('{WHOLE}')"
    return [
        _device_class(
            whole, f"{_own(inventory)} && {kind} == '{WHOLE}'", inventory.extended_resource
        ),
        _device_class(part, f"{_own(inventory)} && {kind} == '{PARTITION}'"),
    ]


def _own(inventory: Inventory) -> str:
    return f"device.driver == '{inventory.driver}'"


def _device_class(name: str, expression: str, resource: str | None = None) -> dict[str, Any]:
    spec: dict[str, Any] = {"selectors": [{"cel": {"expression": expression}}]}
    if resource:
        spec["extendedResourceName"] = resource
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": name},
        "spec": spec,
    }


def _node(node: InventoryNode, position: int, kubernetes: str, said: str) -> dict[str, Any]:
    resources = {"cpu": node.cpu, "memory": node.memory, "pods": str(PODS_PER_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "annotations": {"node.alpha.kubernetes.io/ttl": "0"},
            "labels": {
                "beta.kubernetes.io/arch": "amd64",
                "beta.kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/hostname": node.name,
                "kubernetes.io/os": "linux",
                **node.labels,
            },
        },
        "spec": {"podCIDR": f"10.244.{position}.0/24", "podCIDRs": [f"10.244.{position}.0/24"]},
        "status": {
            # Addresses of the range for documentation (RFC 5737): nothing ever answers there.
            "addresses": [
                {"type": "InternalIP", "address": f"192.0.2.{position + 1}"},
                {"type": "Hostname", "address": node.name},
            ],
            "capacity": resources,
            "allocatable": resources,
            "conditions": [_condition(*about, said) for about in _CONDITIONS],
            "nodeInfo": {
                "architecture": "amd64",
                "bootID": "",
                "containerRuntimeVersion": "simulated://1.0.0",
                "kernelVersion": "simulated",
                "kubeProxyVersion": "",
                "kubeletVersion": kubernetes,
                "machineID": "",
                "operatingSystem": "linux",
                "osImage": "Simulated node",
                "systemUUID": "",
            },
        },
    }


def _condition(kind: str, status: str, reason: str, message: str, said: str) -> dict[str, Any]:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": said,
        "lastTransitionTime": said,
    }
