"""Freezer: holds the processes of a cluster still, and lets them go on where they were.

A frozen cluster keeps its memory and takes no processor time. Whoever asks it something waits for
the answer until it is thawed.
"""

from __future__ import annotations

from typing import Protocol


class Freezer(Protocol):
    """What a provider offers whose clusters can be held still."""

    def freeze(self, name: str) -> None:
        """Hold every process of a cluster still; one that is frozen stays so.

        The frozen state survives whoever made it, and shows as `Cluster.frozen`.

        Raises:
            NotFound: there is no such cluster.
            ClusterError: the platform could not.
        """

    def thaw(self, name: str) -> None:
        """Let a cluster go on; one that is not frozen, or only in part, goes on too.

        Raises:
            NotFound: there is no such cluster.
            ClusterError: the platform could not.
        """
