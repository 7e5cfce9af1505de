"""A DRA driver for simulated accelerators: what a kubelet of `kind` asks to hand devices over.

One process of the host serves every node of a cluster, through folders that a node has of the host:
the kubelet's plugin folders for sockets, and the folder where containerd looks for CDI files.

A learner is root in the nodes, so whatever lies in those folders may be theirs: see `node_files`.
"""

from clusters.accelerators.plugin.settings import NodePlace, Settings

__all__ = ["NodePlace", "Settings"]
