"""The Kubernetes objects of an Inventory: Nodes, ResourceSlices and the DeviceClass."""

from __future__ import annotations

from typing import Any

from clusters.accelerators.devices import devices
from clusters.inventory import Inventory, InventoryNode

PODS_PER_NODE = 110
"""What a kubelet allows where nobody says otherwise."""


def node_objects(inventory: Inventory, kubernetes: str) -> list[dict[str, Any]]:
    """Return a simulated Node for each node of the inventory.

    Args:
        inventory: the nodes.
        kubernetes: version that the nodes report, for example `v1.37.2`.
    """
    return [_node(node, position, kubernetes) for position, node in enumerate(inventory.nodes)]


def resource_slices(inventory: Inventory, cluster: str) -> list[dict[str, Any]]:
    """Return one ResourceSlice for each node with devices; the pool is named after the node."""
    return [_slice(inventory.driver, cluster, node) for node in inventory.nodes if node.devices]


def device_class(inventory: Inventory) -> dict[str, Any]:
    """Return the DeviceClass that selects every device of the inventory's driver."""
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "DeviceClass",
        "metadata": {"name": inventory.device_class},
        "spec": {"selectors": [{"cel": {"expression": f"device.driver == '{inventory.driver}'"}}]},
    }


def _slice(driver: str, cluster: str, node: InventoryNode) -> dict[str, Any]:
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceSlice",
        "metadata": {"name": f"{node.name}-{driver}"},
        "spec": {
            "driver": driver,
            "nodeName": node.name,
            "pool": {"name": node.name, "generation": 1, "resourceSliceCount": 1},
            "devices": devices(cluster, node),
        },
    }


def _node(node: InventoryNode, position: int, kubernetes: str) -> dict[str, Any]:
    resources = {"cpu": node.cpu, "memory": node.memory, "pods": str(PODS_PER_NODE)}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": node.name,
            "labels": {
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
