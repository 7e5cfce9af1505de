"""Container: what is known of one container of a Pod over all its attempts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from clusters.podrunner.back_off import BackOff
from clusters.podrunner.spawning import Spawned

KILLED = 137
"""Exit code of a container that was killed, as a shell says it: 128 + SIGKILL."""
NOT_STARTED = 128
"""Exit code of a container whose program could not be executed."""


class Role(Enum):
    """When a container runs."""

    INIT = "init"
    """To its end, before the next one starts."""
    SIDECAR = "sidecar"
    """From its turn among the init containers until the Pod's end."""
    MAIN = "main"
    """After all init containers."""


@dataclass(frozen=True)
class Ended:
    """How an attempt ended."""

    exit_code: int
    started_at: float
    finished_at: float
    reason: str
    message: str = ""


@dataclass(frozen=True)
class Waiting:
    """Why a container does not run yet."""

    reason: str
    message: str = ""


_CREATING = Waiting("ContainerCreating")
_INITIALIZING = Waiting("PodInitializing")


@dataclass
class Container:
    """One container of a Pod; `spec` stays, all else follows its process."""

    spec: Mapping[str, Any]
    role: Role
    attempt: int = 0
    """Number of the current attempt: how often it was restarted."""
    process: Spawned | None = None
    """First process of the current attempt; None while none runs."""
    started_at: float = 0.0
    """When the current attempt began, in seconds of the epoch."""
    started: bool = False
    """Whether the startup probe, if any, has succeeded."""
    ready: bool = False
    """Whether the readiness probe, if any, succeeds."""
    ended: Ended | None = None
    """How the current attempt ended; None before that."""
    last_ended: Ended | None = None
    """How the attempt before ended."""
    waiting: Waiting = field(default=_CREATING)
    """Why no process runs, where the current attempt has not begun."""
    not_before: float = 0.0
    """Moment (monotonic) before which it is not started again."""
    killed_for: str = ""
    """Reason of its end, where it was killed for one (OOMKilled, for example)."""
    back_off: BackOff = field(default_factory=BackOff)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.spec["name"])

    @property
    def running(self) -> bool:
        """Whether a process runs."""
        return self.process is not None

    def probe(self, kind: str) -> Mapping[str, Any] | None:
        """Return the spec of `startupProbe`, `readinessProbe` or `livenessProbe`."""
        return self.spec.get(kind) or None


def containers_of(pod: Mapping[str, Any]) -> list[Container]:
    """Return the containers of a Pod in the order in which they start."""
    spec = pod["spec"]
    first = [
        Container(c, Role.SIDECAR if c.get("restartPolicy") == "Always" else Role.INIT)
        for c in spec.get("initContainers") or ()
    ]
    waiting = _INITIALIZING if first else _CREATING
    return [*first, *(Container(c, Role.MAIN, waiting=waiting) for c in spec["containers"])]


def restarts(container: Container, pod: Mapping[str, Any]) -> bool:
    """Say whether a container that ended starts again."""
    if container.ended is None:
        return True
    policy = pod["spec"].get("restartPolicy", "Always")
    failed = container.ended.exit_code != 0
    if container.role is Role.SIDECAR:
        return True
    if container.role is Role.INIT:
        return failed and policy != "Never"
    return policy == "Always" or (policy == "OnFailure" and failed)
