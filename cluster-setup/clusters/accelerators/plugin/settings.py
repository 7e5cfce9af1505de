"""Settings: what the driver's process is told, in one file of the cluster's folder."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clusters.inventory import Inventory

PLUGINS_IN_NODE = "/var/lib/kubelet/plugins"
"""Where a node has the folder `NodePlace.plugins`."""


@dataclass(frozen=True)
class NodePlace:
    """Folders of the host that one node has in its own file system."""

    plugins: Path
    """`/var/lib/kubelet/plugins` in the node: the driver's socket, and files for containers."""
    registry: Path
    """`/var/lib/kubelet/plugins_registry`: the socket by which the kubelet finds the driver."""
    cdi: Path
    """`/run/cdi`: CDI files for containerd."""


@dataclass(frozen=True)
class Settings:
    """What the driver serves, and how it reaches the API server."""

    cluster: str
    """Name of the cluster; the uuids of devices follow from it."""
    server: str
    """Address of the API server."""
    authority: Path
    """Certificate of the cluster's authority."""
    certificate: Path
    """Client certificate and key of the driver, in one file."""
    inventory: Inventory
    """Nodes and devices."""
    places: dict[str, NodePlace]
    """The folders of each node, by its name."""
    states: Path
    """File with the health of devices as it is now; missing while all are as in the inventory."""

    def write(self, path: Path) -> None:
        """Write the settings whole or not at all; they name files with secrets, but hold none."""
        document = {
            **{name: str(getattr(self, name)) for name in _PLAIN},
            "inventory": self.inventory.model_dump(mode="json", by_alias=True),
            "places": {
                name: {key: str(value) for key, value in asdict(place).items()}
                for name, place in self.places.items()
            },
        }
        unfinished = path.with_suffix(".unfinished")
        with open(unfinished, "w", encoding="utf-8", opener=_open_private) as file:
            json.dump(document, file)
        unfinished.replace(path)

    @classmethod
    def read(cls, path: Path) -> Settings:
        """Read what `write` has written."""
        document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            cluster=document["cluster"],
            server=document["server"],
            authority=Path(document["authority"]),
            certificate=Path(document["certificate"]),
            inventory=Inventory.model_validate(document["inventory"]),
            places={
                name: NodePlace(**{key: Path(value) for key, value in place.items()})
                for name, place in document["places"].items()
            },
            states=Path(document["states"]),
        )


_PLAIN = ("cluster", "server", "authority", "certificate", "states")


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
