"""What a cluster takes of this host; refused at the beginning where it cannot be had."""

from __future__ import annotations

from clusters.addons import with_needs
from clusters.addons.catalogue import require_addons
from clusters.capability import Capability
from clusters.errors import InputInvalid, PreflightError
from clusters.providers.embedded.addons import binaries_of
from clusters.providers.embedded.components import COMPONENTS, NETWORK_BINARIES
from clusters.providers.embedded.folder import Record
from clusters.providers.embedded.namespaces import why_no_walls
from clusters.providers.embedded.network import why_no_network
from clusters.spec import ClusterSpec

OWN = frozenset({Capability.NETWORKING})
"""Capabilities that a cluster has because it was asked for them."""


def programs_of(
    spec: ClusterSpec, provider: str, offered: frozenset[Capability]
) -> tuple[str, ...]:
    """Return the pinned programs that a cluster is made of.

    Args:
        spec: what is asked for.
        provider: name of the provider, for what it says of add-ons.
        offered: its capabilities.

    Raises:
        PreflightError: this host does not give what the cluster needs.
        InputInvalid: it asks for add-ons that there are not.
    """
    if Capability.NETWORKING in spec.capabilities and (reason := why_no_network()):
        raise PreflightError(
            f"this host gives clusters no network: {reason}; `assay doctor` says more"
        )
    addons = require_addons(spec.addons, provider, offered)
    if any(addon.process for addon in addons) and (reason := why_no_walls()):
        raise PreflightError(
            f"add-ons run as processes in a network namespace of the cluster's own, which this "
            f"host does not give: {reason}; `assay doctor` says more"
        )
    network = NETWORK_BINARIES if Capability.NETWORKING in spec.capabilities else ()
    return (*COMPONENTS, *network, *binaries_of(addons))


def require_same(spec: ClusterSpec, record: Record) -> None:
    """Refuse a spec that is another than what a cluster was made of.

    Raises:
        InputInvalid: naming what differs.
    """
    for what, asked, found in (
        ("inventory", spec.inventory, record.inventory),
        ("owner", spec.owner, record.owner),
        ("choice of capabilities", spec.capabilities & OWN, record.capabilities & OWN),
        ("Kubernetes", spec.kubernetes or record.kubernetes, record.kubernetes),
        ("choice of add-ons", tuple(a.name for a in with_needs(spec.addons)), record.addons),
    ):
        if asked != found:
            raise InputInvalid(
                [f"cluster {spec.name} exists with another {what}: delete it, or use another name"]
            )
