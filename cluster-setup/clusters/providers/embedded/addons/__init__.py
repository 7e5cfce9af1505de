"""Add-ons of an embedded cluster: processes of this host beside the control plane.

Each lives inside the cluster's walls, with a folder and a credential of its own. Nothing of the
host can be reached from there, whatever the cluster's owner makes it or the API server dial.

clusters/<name>/addons/<component>/      what one process reads and writes
clusters/<name>/addons/<add-on>.added    its objects were created; from then on they are the owner's
"""

from clusters.providers.embedded.addons.commands import binaries_of, fitted
from clusters.providers.embedded.addons.starting import HostAddOns

__all__ = ["HostAddOns", "binaries_of", "fitted"]
