"""What a Pod asks for that a sandbox of this host does not give, each said in a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Pod = Mapping[str, Any]

VOLUMES = ("emptyDir", "configMap", "secret", "projected", "downwardAPI")
"""Kinds of volumes that Pods have here."""
_SHARED_WITH_NODE = ("hostNetwork", "hostPID", "hostIPC")


def refusals(pod: Pod) -> list[str]:
    """Return why a Pod is not started; [] where it can be."""
    spec = pod["spec"]
    return [*_of_the_node(spec), *_of_volumes(spec), *_of_containers(spec)]


def _of_the_node(spec: Mapping[str, Any]) -> Iterator[str]:
    for key in _SHARED_WITH_NODE:
        if spec.get(key):
            yield f"{key} is not available: a simulated node has nothing to share"


def _of_volumes(spec: Mapping[str, Any]) -> Iterator[str]:
    for volume in spec.get("volumes") or ():
        kinds = [key for key in volume if key != "name"]
        if kinds and kinds[0] not in VOLUMES:
            yield (
                f"volume {volume['name']}: {kinds[0]} is not available; "
                f"use one of {', '.join(VOLUMES)}"
            )


def _of_containers(spec: Mapping[str, Any]) -> Iterator[str]:
    for container in (*(spec.get("initContainers") or ()), *spec["containers"]):
        name, security = container["name"], container.get("securityContext") or {}
        if security.get("privileged"):
            yield f"container {name}: privileged is not available"
        if added := (security.get("capabilities") or {}).get("add"):
            yield f"container {name}: capabilities are not available: {', '.join(added)}"
        for port in container.get("ports") or ():
            if port.get("hostPort"):
                yield f"container {name}: hostPort is not available; use a Service"
        if container.get("volumeDevices"):
            yield f"container {name}: volumeDevices are not available"
        for mounted in container.get("volumeMounts") or ():
            if ".." in (mounted.get("subPath") or "").split("/"):
                yield f"container {name}: subPath of {mounted['name']} may not climb"
            if not mounted["mountPath"].startswith("/"):
                yield f"container {name}: mountPath {mounted['mountPath']} is not absolute"
