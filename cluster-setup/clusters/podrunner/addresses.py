"""Addresses of the cluster's network: who has which, by rules that need no memory."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import IPv4Network

POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
NODE_RANGE = "192.0.2.0/24"
"""A range for documentation (RFC 5737): outside of a cluster's own network nothing has it."""
CONTROL_PLANE = "192.0.2.254"
"""Where Pods reach the API server and the name server, and the gateway of every Pod."""
DNS_SERVICE = "10.96.0.10"
KUBELET_PORT = 10250
API_SERVER = "assay:api-server"
"""Common name in the certificate that the API server shows to kubelets."""
_OF_OTHER_NODES = "10.244.255.0/24"
"""Pods of nodes that have no range of their own."""


class NoAddress(Exception):
    """Every address of a node's range is taken."""


def free_address(pod_cidr: str, taken: Collection[str]) -> str:
    """Return the first free address of a node's range; as with a kubelet, `.0` and `.1` are none.

    Raises:
        NoAddress: all are taken.
    """
    try:
        network = IPv4Network(pod_cidr or _OF_OTHER_NODES)
    except ValueError:
        network = IPv4Network(_OF_OTHER_NODES)
    if not network.subnet_of(IPv4Network(POD_RANGE)):
        network = IPv4Network(_OF_OTHER_NODES)
    for address in list(network.hosts())[1:]:
        if str(address) not in taken:
            return str(address)
    raise NoAddress(f"every address of {network} is taken")


def free_node_address(taken: Collection[str]) -> str:
    """Return an address for a node that has none.

    Raises:
        NoAddress: all are taken.
    """
    for address in IPv4Network(NODE_RANGE).hosts():
        if str(address) not in (*taken, CONTROL_PLANE):
            return str(address)
    raise NoAddress("every address for nodes is taken")
