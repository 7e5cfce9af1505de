"""The status of a Pod, as a kubelet reports it: made of what is known of its containers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clusters.podrunner.containers import Container, Ended, Role, restarts

_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady")
FINAL_PHASES = ("Succeeded", "Failed")


@dataclass(frozen=True)
class Place:
    """Where a Pod is."""

    address: str
    """Its own; empty before it has one."""
    node_address: str
    started_at: float


def phase_of(pod: Mapping[str, Any], containers: Sequence[Container], *, ending: bool) -> str:
    """Return the phase of a Pod; one that has reached its last phase stays there."""
    if (phase := pod["status"].get("phase", "")) in FINAL_PHASES:
        return str(phase)
    first = [c for c in containers if c.role is Role.INIT]
    main = [c for c in containers if c.role is Role.MAIN]
    if any(c.ended and c.ended.exit_code and not restarts(c, pod) for c in first):
        return "Failed"
    if any(c.ended is None or c.ended.exit_code for c in first):
        return "Pending"
    over = [c for c in main if c.ended and (ending or not restarts(c, pod))]
    if len(over) == len(main):
        return "Failed" if any(c.ended and c.ended.exit_code for c in over) else "Succeeded"
    if any(c.running or c.ended or c.last_ended for c in main):
        return "Running"
    return "Pending"


def status_of(
    pod: Mapping[str, Any], containers: Sequence[Container], place: Place, *, ending: bool
) -> dict[str, Any]:
    """Return the part of a Pod's status that the runner answers for."""
    phase = phase_of(pod, containers, ending=ending)
    status: dict[str, Any] = {
        "phase": phase,
        "hostIP": place.node_address,
        "hostIPs": [{"ip": place.node_address}],
        "startTime": stamp(place.started_at),
        "conditions": _conditions(pod, containers, phase, place),
    }
    if place.address:
        status |= {"podIP": place.address, "podIPs": [{"ip": place.address}]}
    for key, roles in (
        ("initContainerStatuses", (Role.INIT, Role.SIDECAR)),
        ("containerStatuses", (Role.MAIN,)),
    ):
        if told := [_container_status(c) for c in containers if c.role in roles]:
            status[key] = told
    return status


def differs(pod: Mapping[str, Any], status: Mapping[str, Any]) -> bool:
    """Say whether a Pod's status is another than it should be."""
    found = dict(pod["status"])
    types = {condition["type"] for condition in status["conditions"]}
    found["conditions"] = [c for c in found.get("conditions") or () if c["type"] in types]
    return any(_plain(found.get(key)) != _plain(value) for key, value in status.items())


def patch_of(status: Mapping[str, Any]) -> dict[str, Any]:
    """Return the strategic merge patch that makes a Pod's status so.

    Addresses are merged by address and conditions by type (core/v1 types.go, patchMergeKey), so
    what is true no longer would stay, and a second address of a family is refused.
    """
    lists = {
        key: [{"$patch": "replace"}, *status[key]] for key in ("hostIPs", "podIPs") if key in status
    }
    conditions = [{"reason": None, "message": None, **told} for told in status["conditions"]]
    return {**status, **lists, "conditions": conditions}


def stamp(moment: float) -> str:
    """Return a moment as Kubernetes writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _conditions(
    pod: Mapping[str, Any], containers: Sequence[Container], phase: str, place: Place
) -> list[dict[str, Any]]:
    first = [c for c in containers if c.role is Role.INIT]
    sidecars = [c for c in containers if c.role is Role.SIDECAR]
    served = [c for c in containers if c.role is not Role.INIT]
    initialized = all(c.ended and not c.ended.exit_code for c in first) and all(
        c.started or phase in FINAL_PHASES for c in sidecars
    )
    over = phase in FINAL_PHASES
    unready = [c.name for c in served if not c.ready]
    ready = not unready and not over
    gates = _gates(pod)
    values = {
        "PodReadyToStartContainers": (bool(place.address) and not over, ""),
        "Initialized": (initialized or phase == "Succeeded", ""),
        "ContainersReady": (ready, ""),
        "Ready": (ready and gates, ""),
    }
    reason = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase, "ContainersNotReady")
    known = {c["type"]: c for c in pod["status"].get("conditions") or ()}
    conditions = []
    for kind in _CONDITIONS:
        holds = "True" if values[kind][0] else "False"
        condition: dict[str, Any] = {"type": kind, "status": holds}
        if holds == "False" and kind in ("Ready", "ContainersReady"):
            condition["reason"] = reason
            if reason == "ContainersNotReady":
                condition["message"] = f"containers with unready status: [{' '.join(unready)}]"
        before = known.get(kind, {})
        same = before.get("status") == holds
        condition["lastTransitionTime"] = (
            before["lastTransitionTime"]
            if same and before.get("lastTransitionTime")
            else stamp(time.time())
        )
        conditions.append(condition)
    return conditions


def _gates(pod: Mapping[str, Any]) -> bool:
    """Say whether every readiness gate of others is open."""
    known = {c["type"]: c["status"] for c in pod["status"].get("conditions") or ()}
    gates = [gate["conditionType"] for gate in pod["spec"].get("readinessGates") or ()]
    return all(known.get(gate) == "True" for gate in gates)


def _container_status(container: Container) -> dict[str, Any]:
    image = str(container.spec["image"])
    status: dict[str, Any] = {
        "name": container.name,
        "image": image,
        "imageID": "",
        "ready": container.ready
        if container.role is not Role.INIT
        else bool(container.ended and not container.ended.exit_code),
        "started": container.started,
        "restartCount": container.attempt,
        "state": _state(container),
        "lastState": _terminated(container.last_ended) if container.last_ended else {},
    }
    if container.running or container.ended:
        status["containerID"] = f"assay://{container.name}-{container.attempt}"
    return status


def _state(container: Container) -> dict[str, Any]:
    if container.running:
        return {"running": {"startedAt": stamp(container.started_at)}}
    if container.ended:
        return _terminated(container.ended)
    waiting = {"reason": container.waiting.reason}
    if container.waiting.message:
        waiting["message"] = container.waiting.message
    return {"waiting": waiting}


def _terminated(ended: Ended) -> dict[str, Any]:
    told: dict[str, Any] = {
        "exitCode": ended.exit_code,
        "reason": ended.reason,
        "startedAt": stamp(ended.started_at),
        "finishedAt": stamp(ended.finished_at),
    }
    if ended.message:
        told["message"] = ended.message
    return {"terminated": told}


def _plain(value: Any) -> Any:
    """Return a value without what the API server leaves out: nothing, and empty things."""
    if isinstance(value, dict):
        kept = {key: _plain(inner) for key, inner in value.items()}
        return {key: inner for key, inner in kept.items() if inner not in (None, {}, [], "")}
    if isinstance(value, list):
        items = [_plain(inner) for inner in value]
        return sorted(items, key=lambda item: item["type"]) if _has_types(items) else items
    return value


def _has_types(items: list[Any]) -> bool:
    return bool(items) and all(isinstance(item, dict) and "type" in item for item in items)
