"""Pool: clusters made ahead of time, without owner and nodes, idle and frozen.

The running system is the list of its members: clusters whose owner is `pool:<flavour>`. Only while
one is made or deleted a file in `locks/` says so, which is locked as long as somebody is at it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from clusters.broker.lease import moment
from clusters.broker.pool_plan import PoolPlan
from clusters.broker.priority import lowered
from clusters.errors import NotFound
from clusters.file_lock import locked, locked_if_free
from clusters.home import home
from clusters.phases import OnPhase, ignore
from clusters.provider import Cluster, ClusterProvider, ClusterState

OWNER = "pool:"
"""Owner of a member: this and its flavour."""
SETTLED_SECONDS = 15.0
"""After so long a new member has nothing more to do and is frozen."""
_PREFIX = "pool-"
_NAME = re.compile(r"lab-[0-9a-f]{12}")


@dataclass(frozen=True)
class Shelf:
    """What a pool is to have and what it has, of one flavour."""

    flavour: str
    wanted: int
    ready: int
    incomplete: int


class Pool:
    """The clusters of one provider that wait ready; which of them are leased, the caller knows."""

    def __init__(self, provider: ClusterProvider) -> None:
        """Keep members with this provider."""
        self._provider = provider

    def members(self, clusters: Sequence[Cluster], flavour: str = "") -> list[Cluster]:
        """Return the members among clusters, those of one flavour if it is given."""
        members = [cluster for cluster in clusters if cluster.owner.startswith(OWNER)]
        return [c for c in members if flavour in ("", c.owner.removeprefix(OWNER))]

    def ready(self, clusters: Sequence[Cluster], flavour: str = "") -> list[Cluster]:
        """Return the members that can be dressed, the oldest first."""
        found = [c for c in self.members(clusters, flavour) if _is_ready(c)]
        return sorted(found, key=lambda cluster: (cluster.created_at, cluster.name))

    def make(self, plan: PoolPlan, on_phase: OnPhase = ignore) -> Cluster:
        """Make one more member, at low priority.

        Raises:
            ClusterError: the platform could not.
        """
        dresser = self._provider.dresser
        if dresser is None:
            raise NotFound(f"clusters of the provider {self._provider.name} cannot wait in a pool")
        spec = plan.spec(f"lab-{secrets.token_hex(6)}", OWNER + plan.flavour())
        with self._at(spec.name), lowered():
            return dresser.create_undressed(spec, on_phase)

    def remove(self, member: Cluster) -> None:
        """Delete a member that nobody has."""
        with self._at(member.name):
            self._provider.delete(member.name)

    def clear_away(self) -> Iterator[str]:
        """Delete what is left of members whose making or deleting was interrupted."""
        for path in sorted(_folder().glob(f"{_PREFIX}*")):
            name = path.name.removeprefix(_PREFIX)
            with locked_if_free(path) as held:
                if not held or not _NAME.fullmatch(name):
                    continue
                if self._is_left_over(name):
                    self._provider.delete(name)
                    yield f"cluster {name}: deleted, it was never finished for the pool"
                path.unlink(missing_ok=True)

    def is_idle(self, member: Cluster) -> bool:
        """Whether a member has nothing more to do: it may be frozen."""
        if not _is_ready(member):
            return False
        age = datetime.now(UTC) - moment(member.created_at)
        return age.total_seconds() > SETTLED_SECONDS

    def _is_left_over(self, name: str) -> bool:
        try:
            return self._provider.status(name).state is ClusterState.INCOMPLETE
        except NotFound:
            return False

    @contextmanager
    def _at(self, name: str) -> Iterator[None]:
        """Say that a member is being made or deleted, in a file that stays when we are killed."""
        path = _folder() / f"{_PREFIX}{name}"
        with locked(path):
            yield
            path.unlink(missing_ok=True)


def _folder() -> Path:
    return home() / "locks"


def _is_ready(member: Cluster) -> bool:
    return member.state is ClusterState.READY and not member.dressed
