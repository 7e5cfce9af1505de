"""ClusterSpec: what somebody asks a cluster to be."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from clusters.errors import InputInvalid
from clusters.inventory import Inventory, default_inventory

NAME_LIMIT = 50
"""kind warns past 50 characters; unix socket paths also need short names."""
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


def is_cluster_name(name: str) -> bool:
    """Say whether a cluster can have this name."""
    return len(name) <= NAME_LIMIT and _NAME.fullmatch(name) is not None
