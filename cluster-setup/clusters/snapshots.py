"""Snapshots: everything that a cluster holds at a moment, and the way back to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from clusters.errors import InputInvalid

TAKEN_AT = "assay.dev/taken-at"
"""In the audit log, annotation of what a restore asks for in vain: when its snapshot was taken."""
RESTORED_AT = "assay.dev/restored-at"
"""As above: until when everything that was done since is undone."""
TRACE_ACTOR = "assay:platform"
"""Who asks for it; nobody but the platform has this credential."""
TRACE_RESOURCE = "namespaces"
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LIMIT = 80


@dataclass(frozen=True)
class Snapshot:
    """What a cluster held at a moment. It lies with the cluster and goes with it."""

    name: str
    """A DNS label; unique in its cluster."""
    taken_at: str
    """RFC 3339 with microseconds, UTC."""
    size: int = 0
    """Bytes on disk."""

    def to_json(self) -> dict[str, Any]:
        """Return the description of it."""
        return {"name": self.name, "taken_at": self.taken_at, "size": self.size}


class Snapshots(Protocol):
    """What a provider offers whose clusters can be taken back to what they were."""

    def take(self, cluster: str, name: str) -> Snapshot:
        """Keep everything that a cluster holds now; a snapshot of this name is replaced.

        The cluster runs on meanwhile, or stays frozen.

        Raises:
            NotFound: there is no such cluster, or it is not finished.
            InputInvalid: the name cannot be used.
            ClusterError: the platform could not.
        """

    def taken(self, cluster: str) -> Sequence[Snapshot]:
        """Return the snapshots of a cluster, the oldest first.

        Raises:
            NotFound: there is no such cluster.
        """

    def restore(self, cluster: str, name: str) -> Snapshot:
        """Take a cluster back to a snapshot: the same objects, with the same uids.

        Versions of objects never go back: to whoever watches, a restore is a series of changes.
        Snapshots that were taken after this one are forgotten: what they hold is undone. The
        audit log tells what was undone by an entry of the platform's own (`TAKEN_AT`,
        `RESTORED_AT`). A restore that is interrupted is completed by the next one, or by `create`;
        until then the cluster is degraded.

        Raises:
            NotFound: there is no such cluster or snapshot.
            ClusterError: the platform could not.
        """

    def drop(self, cluster: str, name: str) -> None:
        """Forget a snapshot; a missing one is no error.

        Raises:
            NotFound: there is no such cluster.
        """


def require_snapshot_name(name: str) -> str:
    """Return the name of a snapshot if it can be one.

    Raises:
        InputInvalid: it is no DNS label, or too long.
    """
    if len(name) <= _LIMIT and _NAME.fullmatch(name):
        return name
    raise InputInvalid(
        [
            f"snapshot name {name!r}: use lower-case letters, digits and '-', starting and ending "
            f"with a letter or digit, at most {_LIMIT} characters"
        ]
    )
