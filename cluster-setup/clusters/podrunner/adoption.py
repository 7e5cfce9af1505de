"""Adoption: what a runner learns of a container from files and statuses of the one before it."""

from __future__ import annotations

import time
from calendar import timegm
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from clusters.podrunner.containers import Container, Ended
from clusters.podrunner.state import PodFolder


def take_up(container: Container, told: Mapping[str, Any], folder: PodFolder) -> bool:
    """Bring a container to where another runner left it; return whether it had begun.

    Args:
        container: what nothing is known of yet.
        told: its status, as the API server has it.
        folder: the Pod's folder; empty where a snapshot brought the Pod back.
    """
    attempts = folder.attempts(container.name)
    container.last_ended = _ended_from(told.get("lastState") or {})
    if not attempts and "running" not in (told.get("state") or {}):
        return False
    container.attempt = attempts[-1] if attempts else int(told.get("restartCount") or 0)
    container.back_off.remember(container.attempt)
    begun = folder.read(f"containers/{container.name}/{container.attempt}.start") or {}
    container.started_at = float(begun.get("started_at", time.time()))
    container.started = bool(told.get("started"))
    return True


def statuses_by_name(pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return the status of each container of a Pod."""
    return {
        status["name"]: status
        for key in ("containerStatuses", "initContainerStatuses")
        for status in pod["status"].get(key) or ()
    }


def log_of(
    containers: Sequence[Container], folder: PodFolder, name: str, *, previous: bool
) -> tuple[Path | None, Callable[[], bool]]:
    """Return the log of a container, and what says whether more may come.

    Of one that waits to start again the last words are asked for.
    """
    found = [container for container in containers if container.name == name]
    attempts = folder.attempts(name) if found else []
    if previous:
        attempts = attempts[:-1]
    if not attempts:
        return None, lambda: False
    container, attempt = found[0], attempts[-1]
    log = folder.log(name, attempt)
    return log, lambda: container.running and container.attempt == attempt


def _ended_from(state: Mapping[str, Any]) -> Ended | None:
    """Return how an attempt ended, as a status told it."""
    told = state.get("terminated")
    if not told:
        return None
    started, finished = (_moment(told.get(key)) for key in ("startedAt", "finishedAt"))
    return Ended(told["exitCode"], started, finished, told.get("reason", ""))


def _moment(text: str | None) -> float:
    return float(timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))) if text else 0.0
