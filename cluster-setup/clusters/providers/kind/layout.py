"""Where things of a kind cluster are: names of its nodes, and folders of the host in them.

In kind/<name>/ of the installation, beside what `ClusterFolder` has:

policy/audit-policy.yaml         what the API server records; read-only in the node
spool/audit.log                  what it writes; in the node, so a learner can get at it
audit/audit.log                  what the shipper took of it; outside, so nobody there can
nodes/<node>/plugins             /var/lib/kubelet/plugins of that node
nodes/<node>/plugins_registry    /var/lib/kubelet/plugins_registry
nodes/<node>/cdi                 /run/cdi
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from clusters.inventory import Inventory
from clusters.providers.embedded import processes
from clusters.providers.embedded.folder import ClusterFolder

NODES_LIMIT = 4
"""Nodes of one cluster."""
_AUDIT_POLICY = Path(processes.__file__).parent / "manifests" / "audit-policy.yaml"
_NAME_LENGTH = 40
"""kind appends `-control-plane`, and a host name has at most 63 characters."""


@dataclass(frozen=True)
class NodeFolder:
    """Folders of the host that one node has in its own file system.

    A DRA driver can be a process of the host: the kubelet finds the sockets that it makes here.
    """

    path: Path

    @property
    def plugins(self) -> Path:
        """Sockets of drivers: `/var/lib/kubelet/plugins` in the node."""
        return self.path / "plugins"

    @property
    def registry(self) -> Path:
        """Sockets by which drivers register: `/var/lib/kubelet/plugins_registry` in the node."""
        return self.path / "plugins_registry"

    @property
    def cdi(self) -> Path:
        """CDI specifications for containerd: `/run/cdi` in the node."""
        return self.path / "cdi"

    def make(self) -> None:
        """Make the folders."""
        for folder in (self.plugins, self.registry, self.cdi):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def mounts(self) -> list[tuple[Path, str]]:
        """Return each folder with its path in the node."""
        return [
            (self.plugins, "/var/lib/kubelet/plugins"),
            (self.registry, "/var/lib/kubelet/plugins_registry"),
            (self.cdi, "/run/cdi"),
        ]


def kind_name(folder: Path) -> str:
    """Return kind's name of a cluster: no two installations of a host share one."""
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:6]
    return f"{folder.name[:_NAME_LENGTH].rstrip('-')}-{digest}"


def container_names(folder: Path, inventory: Inventory) -> dict[str, str]:
    """Return the name of each node's container by the node's name; the first is the control plane.

    Source: kind's `pkg/cluster/internal/providers/common/namer.go`.
    """
    suffixes = ["control-plane", "worker", *(f"worker{i}" for i in range(2, NODES_LIMIT))]
    return {
        node.name: f"{kind_name(folder)}-{suffix}"
        for node, suffix in zip(inventory.nodes, suffixes, strict=False)
    }


def node_folder(folder: ClusterFolder, node: str) -> NodeFolder:
    """Return the folders that one node has of the host."""
    return NodeFolder(folder.path / "nodes" / node)


def spool(folder: ClusterFolder) -> Path:
    """Return the folder that the API server writes its audit log to."""
    return folder.path / "spool"


def policy(folder: ClusterFolder) -> Path:
    """Return the folder of the audit policy."""
    return folder.path / "policy"


def make_folders(folder: ClusterFolder, inventory: Inventory) -> None:
    """Make the folders that nodes mount, and what has to lie in them."""
    for path in (spool(folder), policy(folder), folder.audit_log.parent):
        path.mkdir(mode=0o700, exist_ok=True)
    folder.audit_log.touch(mode=0o600)
    shutil.copyfile(_AUDIT_POLICY, policy(folder) / _AUDIT_POLICY.name)
    for node in inventory.nodes:
        node_folder(folder, node.name).make()
