"""Appearances: the status that an object would have if everything had gone well."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import cycle
from typing import Any

from graders.forgeries.work import Document

LATER = "2099-01-01T00:00:00Z"
"""A time that is surely after everything."""
DRA = "resource.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"


def metadata(name: str, namespace: str = "") -> Document:
    """Return the metadata of an object."""
    return {"name": name, "namespace": namespace} if namespace else {"name": name}


def good_status(document: Mapping[str, Any], when: str = "2026-01-01T00:00:00Z") -> Document:
    """Return the best status of an object of this kind."""
    spec = document.get("spec") or {}
    wanted = spec.get("replicas", 1)
    observed = {"observedGeneration": document["metadata"].get("generation", 1)}
    match document["kind"]:
        case "Pod":
            return running(spec, when)
        case "Deployment" | "ReplicaSet" | "StatefulSet":
            names = ("replicas", "readyReplicas", "availableReplicas", "updatedReplicas")
            return {
                **observed,
                **{name: wanted for name in names if _has(document["kind"], name)},
                "conditions": conditions(("Available", "Progressing"), when),
            }
        case "DaemonSet":
            counts = ("currentNumberScheduled", "desiredNumberScheduled", "numberReady")
            return {**observed, **dict.fromkeys((*counts, "numberMisscheduled"), wanted)}
        case "Job":
            times = {"startTime": when, "completionTime": when}
            both = conditions(("SuccessCriteriaMet", "Complete"), when)
            return {**times, "succeeded": spec.get("completions", 1), "conditions": both}
        case _:
            return {**observed, "conditions": conditions(("Ready", "Available"), when)}


def running(spec: Mapping[str, Any], when: str) -> Document:
    """Return the status of a Pod all of whose containers run."""
    return {
        "phase": "Running",
        "startTime": when,
        "podIP": "10.244.0.99",
        "podIPs": [{"ip": "10.244.0.99"}],
        "hostIP": "10.0.0.1",
        "conditions": conditions(("PodScheduled", "Initialized", "ContainersReady", "Ready"), when),
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": "",
                "ready": True,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": when}},
            }
            for container in spec.get("containers") or ()
        ],
    }


def conditions(types: Sequence[str], when: str) -> list[Document]:
    """Return conditions that all are true."""
    return [
        {
            "type": type_,
            "status": "True",
            "reason": "AsWanted",
            "message": "",
            "lastTransitionTime": when,
        }
        for type_ in types
    ]


def allocated(
    claim: Mapping[str, Any], slices: Sequence[Mapping[str, Any]], pods: Sequence[Document] = ()
) -> Document:
    """Return the status of a claim that has everything it asks for, on one node."""
    free = cycle(_devices(slices))
    results = []
    for request in ((claim.get("spec") or {}).get("devices") or {}).get("requests") or ():
        exactly = request.get("exactly") or {}
        for _ in range(min(exactly.get("count", 1), 32)):
            results.append({"request": request["name"], **next(free, {})})
    return {
        "allocation": {"devices": {"results": results}},
        "reservedFor": [
            {"resource": "pods", "name": p["metadata"]["name"], "uid": p["metadata"]["uid"]}
            for p in pods
        ],
    }


def _devices(slices: Sequence[Mapping[str, Any]]) -> Iterator[Document]:
    """Yield devices, the last ones of each slice first: they tend to be the better ones."""
    for spec in (one["spec"] for one in slices):
        for device in reversed(spec.get("devices") or []):
            yield {
                "driver": spec["driver"],
                "pool": spec["pool"]["name"],
                "device": device["name"],
            }


def _has(kind: str, field: str) -> bool:
    return kind != "ReplicaSet" or field != "updatedReplicas"
