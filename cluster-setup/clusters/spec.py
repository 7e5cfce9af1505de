"""ClusterSpec: what somebody asks a cluster to be."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field, fields

from clusters.addons.catalogue import capabilities_needed, existing
from clusters.binaries.lock import lock_with
from clusters.capability import Capability
from clusters.errors import InputInvalid
from clusters.inventory import Inventory, default_inventory

NAME_LIMIT = 50
"""kind warns past 50 characters; unix socket paths also need short names."""
_OF_ONE_LEASE = frozenset({"name", "inventory", "owner"})
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True)
class ClusterSpec:
    """What a cluster is to contain. Two equal specs give equal clusters."""

    name: str
    """Unique on this installation; a DNS label of at most 50 characters."""
    inventory: Inventory = field(default_factory=default_inventory)
    """Nodes and accelerators."""
    owner: str = ""
    """Who answers for it, `attempt:<id>` for a lab's cluster; the reconciler deletes a cluster
    only when it has an owner and that owner no longer needs it."""
    kubernetes: str = ""
    """Version of Kubernetes, for example `v1.36.3`; empty means the one that learners have."""
    capabilities: frozenset[Capability] = frozenset()
    """What it must offer beyond scheduling; what its add-ons need is added. A cluster is made as
    light as this allows: where a provider offers networking, only clusters that were asked for it
    have it."""
    addons: tuple[str, ...] = ()
    """Names of what runs in it beside Kubernetes (`assay cluster addons` shows them); what those
    need themselves is added by the provider."""

    def __post_init__(self) -> None:
        """Refuse a name that a provider could not use.

        Raises:
            InputInvalid: the name is no DNS label or is too long.
        """
        if not is_cluster_name(self.name):
            raise InputInvalid(
                [
                    f"cluster name {self.name!r}: use lower-case letters, digits and '-', "
                    f"starting and ending with a letter or digit, at most {NAME_LIMIT} characters"
                ]
            )
        needed = capabilities_needed(addon.name for addon in existing(self.addons))
        object.__setattr__(self, "capabilities", self.capabilities | needed)

    def flavour(self) -> str:
        """Return what a cluster must be so that it can be dressed as this one, as a short digest.

        Equal for specs that differ only in name, owner and inventory: those are put on at a lease.

        Raises:
            NotFound: this version of Kubernetes is not pinned.
        """
        parts = {
            f.name: _plain(getattr(self, f.name))
            for f in fields(self)
            if f.name not in _OF_ONE_LEASE
        }
        parts["kubernetes"] = lock_with(self.kubernetes).kubernetes
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def _plain(value: object) -> object:
    return sorted(map(str, value)) if isinstance(value, frozenset) else value


def is_cluster_name(name: str) -> bool:
    """Say whether a cluster can have this name."""
    return len(name) <= NAME_LIMIT and _NAME.fullmatch(name) is not None
