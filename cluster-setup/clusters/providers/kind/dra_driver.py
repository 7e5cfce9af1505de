"""The DRA driver of a kind cluster: a process of the host that hands out simulated devices."""

from __future__ import annotations

import sys

from clusters.accelerators.plugin import NodePlace, Settings
from clusters.providers.embedded.credentials import server_at
from clusters.providers.embedded.folder import ClusterFolder, Record
from clusters.providers.kind.gpus import has_gpus
from clusters.providers.kind.layout import node_folder

DRIVER = "dra.driver"
"""Name of the component."""
SETTINGS = "dra-driver.json"
STATES = "device-states.json"
"""File in the cluster's folder with what is not as its inventory says, by `<node>/<device>`."""


def has_devices(record: Record) -> bool:
    """Say whether a cluster has simulated devices to hand out."""
    if has_gpus(record):
        return False
    return record.inventory is not None and any(node.devices for node in record.inventory.nodes)


def driver_command(folder: ClusterFolder, record: Record) -> list[str]:
    """Write the settings of the driver and return how it is started."""
    assert record.inventory is not None, "clusters of kind are never undressed"
    pki = folder.path / "pki"
    settings = Settings(
        cluster=record.name,
        server=server_at(record.port),
        authority=pki / "ca.crt",
        certificate=pki / "platform.pem",
        inventory=record.inventory,
        places={node.name: _place(folder, node.name) for node in record.inventory.nodes},
        states=folder.path / STATES,
    )
    settings.write(folder.path / SETTINGS)
    return [sys.executable, "-I", "-m", "clusters.accelerators.plugin", SETTINGS]


def _place(folder: ClusterFolder, node: str) -> NodePlace:
    found = node_folder(folder, node)
    return NodePlace(plugins=found.plugins, registry=found.registry, cdi=found.cdi)
