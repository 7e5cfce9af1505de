"""Freezing of embedded clusters: SIGSTOP to each of their processes, SIGCONT to go on.

It needs no rights and no control group, and where it stands is read from the process table.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import psutil

from clusters.errors import ClusterError, NotFound
from clusters.providers.embedded import processes
from clusters.providers.embedded.folder import ClusterFolder
from clusters.providers.embedded.processes import Running

_ROUNDS = 3


class SignalFreezer:
    """Holds the processes of embedded clusters still; a `clusters.freezing.Freezer`."""

    def __init__(self, folder_of: Callable[[str], ClusterFolder]) -> None:
        """Freeze clusters whose folders `folder_of` names."""
        self._folder_of = folder_of

    def freeze(self, name: str) -> None:
        """Hold every process of a cluster still; one that is frozen stays so."""
        folder = self._existing(name)
        with folder.locked(made=True):
            for _ in range(_ROUNDS):  # a process that starts meanwhile is seen the next time
                awake = [p for p in _processes_of(folder) if not processes.is_held(p)]
                if not awake:
                    return
                for process in awake:
                    processes.hold(process)
        raise ClusterError(f"processes of cluster {name} do not stop")

    def thaw(self, name: str) -> None:
        """Let a cluster go on; one that is not frozen, or only in part, goes on too."""
        folder = self._existing(name)
        with folder.locked(made=True):
            processes.let_all_go(processes.find_cluster(folder.path))

    def _existing(self, name: str) -> ClusterFolder:
        folder = self._folder_of(name)
        if not folder.path.is_dir():
            raise NotFound(f"there is no cluster {name!r}; `assay cluster list` shows all")
        return folder


def is_frozen(running: Running) -> bool:
    """Say whether a process of a cluster is held still."""
    return any(map(processes.is_held, chain.from_iterable(running.values())))


def _processes_of(folder: ClusterFolder) -> list[psutil.Process]:
    """Return the processes, those that ask first: nobody waits for one that is held already."""
    running = processes.find_cluster(folder.path)
    order = ("kwok", "kube-scheduler", "kube-controller-manager", "door", "kube-apiserver", "etcd")
    names = sorted(running, key=lambda name: order.index(name) if name in order else -1)
    return [process for name in names for process in running[name]]
