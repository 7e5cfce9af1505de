"""Dresser: makes a control plane ahead of time, and makes it somebody's cluster when it is needed.

Nearly all of a creation is the same for everybody who wants a cluster of one flavour (see
`ClusterSpec.flavour`). What differs, the name of the owner and the inventory, is put on in moments.
"""

from __future__ import annotations

from typing import Protocol

from clusters.phases import OnPhase, ignore
from clusters.provider import Cluster
from clusters.spec import ClusterSpec


class Dresser(Protocol):
    """What a provider offers whose clusters can wait in a warm pool."""

    def create_undressed(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Make the control plane of a cluster without nodes; leave nothing on failure.

        Args:
            spec: what it is to be; its inventory does not matter yet.
            on_phase: who listens to progress.

        Raises:
            ClusterError: the platform could not.
            InputInvalid: a cluster of this name exists and is something else.
        """

    def dress(self, spec: ClusterSpec, on_phase: OnPhase = ignore) -> Cluster:
        """Give an undressed cluster its owner and its inventory, and wait until nodes are ready.

        Of two who dress the same cluster one wins. One that was interrupted can be repeated.

        Args:
            spec: `name` is that of the undressed cluster.
            on_phase: who listens to progress.

        Raises:
            NotFound: there is no such cluster, or it is dressed as somebody else's.
            ClusterError: a component died, or the platform could not.
        """
