"""Freezing of kind clusters: Docker pauses every node, with all that runs in it.

The control group's freezer holds the processes; whoever connects meanwhile waits. The shipper of
the audit log stays awake: it has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable

from clusters.errors import NotFound
from clusters.providers.embedded.folder import ClusterFolder
from clusters.providers.kind import docker
from clusters.providers.kind.layout import kind_name


class PauseFreezer:
    """Holds the nodes of kind clusters still; a `clusters.freezing.Freezer`."""

    def __init__(self, folder_of: Callable[[str], ClusterFolder]) -> None:
        """Freeze clusters whose folders `folder_of` names."""
        self._folder_of = folder_of

    def freeze(self, name: str) -> None:
        """Hold every process of a cluster still; one that is frozen stays so.

        Workers go first: nobody waits for an answer of a control plane that is paused already.
        """
        folder = self._existing(name)
        with folder.locked():
            nodes = docker.containers(kind_name(folder.path))
            awake = [node.id for node in reversed(nodes) if node.pid and not node.paused]
            if awake:
                docker.docker("pause", *awake)

    def thaw(self, name: str) -> None:
        """Let a cluster go on; one that is not frozen, or only in part, goes on too."""
        folder = self._existing(name)
        with folder.locked():
            let_go(docker.containers(kind_name(folder.path)))

    def _existing(self, name: str) -> ClusterFolder:
        folder = self._folder_of(name)
        if not folder.path.is_dir():  # asked before its lock, which would make the folder
            raise NotFound(f"there is no cluster {name!r}; `assay cluster list` shows all")
        return folder


def let_go(nodes: list[docker.Container]) -> None:
    """Let nodes go on that are paused."""
    if paused := [node.id for node in nodes if node.paused]:
        docker.docker("unpause", *paused)
