"""Starting state: puts a lab's manifests into its cluster and waits until they are taken up.

Everything is created with the platform's own credential, so that the audit log tells the lab's
objects from the learner's. An object that is there already is left alone: an interrupted start is
simply done again.

Objects come into being in the order of the lab where that can make a difference. Namespaces come
first and together, and so do neighbours that do nothing by themselves, such as ConfigMaps.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

from clusters.errors import ClusterError, NotReadyError
from graders.api import ApiServer, Refusal
from graders.discovery import OWN_GROUPS, Discovery, ResourceType

Manifest = Mapping[str, Any]

SECONDS = 60.0
"""How long the controllers may take to notice everything; usually it is under two seconds."""
_POLL_SECONDS = 0.02
_ALREADY_EXISTS = 409
_AT_ONCE = 2
"""Requests under way at the same time; one more would wait for a processor of a small machine."""
_PASSIVE = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "DeviceClass",
        "PriorityClass",
        "ResourceClaim",
        "ResourceClaimTemplate",
        "ResourceSlice",
        "Role",
        "RoleBinding",
        "Secret",
        "Service",
        "ServiceAccount",
    }
)
"""Kinds whose objects do nothing by themselves: their order among each other says nothing."""
_own_kinds: dict[tuple[str, str], ResourceType] = {}
"""Kubernetes' own kinds by version and kind, as some API server told; the same in every cluster."""


def apply_starting_state(
    kubeconfig: Path, manifests: Sequence[Manifest], seconds: float = SECONDS
) -> None:
    """Create every object in its order and return when the controllers have noticed them.

    Args:
        kubeconfig: the platform's credential.
        manifests: objects with apiVersion, kind and metadata.name.
        seconds: time limit of the whole.

    Raises:
        ClusterError: the API server refuses an object; a mistake of the lab's author.
        NotReadyError: something was not taken up in time.
        GradingError: the API server does not answer.
    """
    if manifests:
        with ApiServer.from_file(kubeconfig) as api:
            _StartingState(api, time.monotonic() + seconds).apply(manifests)


class _StartingState:
    def __init__(self, api: ApiServer, deadline: float) -> None:
        self._api = api
        self._deadline = deadline
        self._discovery = Discovery()
        self._own_namespaces: set[str] = set()

    def apply(self, manifests: Sequence[Manifest]) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            for neighbours in in_order(manifests):
                list(threads.map(self._create, neighbours))
            list(threads.map(self._settle, manifests))

    def _create(self, manifest: Manifest) -> None:
        self._post(manifest)
        if manifest["kind"] == "Namespace":
            # The controller would make the same one, when it gets round to it.
            name = manifest["metadata"]["name"]
            self._post(_account_of(name))
            self._own_namespaces.add(name)

    def _post(self, manifest: Manifest) -> None:
        if manifest["kind"] == "Pod":
            # Without its account a Pod is refused, and the account follows the namespace.
            self._await_service_account(_namespace(manifest))
        found = self._type_of(manifest)
        namespace = _namespace(manifest) if found.namespaced else None
        try:
            self._api.post(found.path(namespace), manifest)
        except Refusal as refusal:
            if refusal.code != _ALREADY_EXISTS:
                raise ClusterError(f"{_say(manifest)} is refused: {refusal.message}") from refusal
        if manifest["kind"] == "CustomResourceDefinition":
            self._settle(manifest)

    def _type_of(self, manifest: Manifest) -> ResourceType:
        kind, api_version = manifest["kind"], manifest["apiVersion"]
        if own := _own_kinds.get((api_version, kind)):
            return own
        found: list[ResourceType] = []

        def is_served() -> bool:
            resource = self._discovery.find(self._api, kind, api_version)
            found.extend([resource] if resource else [])
            return bool(found)

        self._await(is_served, f"{_say(manifest)}: this cluster has no {api_version} {kind}")
        if found[0].group in OWN_GROUPS:
            _own_kinds[api_version, kind] = found[0]
        return found[0]

    def _settle(self, manifest: Manifest) -> None:
        if manifest["kind"] == "Namespace":
            self._await_service_account(manifest["metadata"]["name"])
        elif is_settled := _SETTLED.get(manifest["kind"]):
            found = self._type_of(manifest)
            namespace = _namespace(manifest) if found.namespaced else None
            path = found.path(namespace, manifest["metadata"]["name"])
            self._await(
                lambda: is_settled(self._api.get(path)),
                f"{_say(manifest)} was not taken up by its controller",
            )

    def _await_service_account(self, namespace: str) -> None:
        if namespace in self._own_namespaces:
            return
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/default"
        self._await(lambda: self._exists(path), f"the namespace {namespace} got no default account")

    def _exists(self, path: str) -> bool:
        try:
            return bool(self._api.get(path))
        except Refusal:
            return False

    def _await(self, condition: Callable[[], bool], otherwise: str) -> None:
        while not condition():
            if time.monotonic() > self._deadline:
                raise NotReadyError(otherwise)
            time.sleep(_POLL_SECONDS)


def in_order(manifests: Sequence[Manifest]) -> list[list[Manifest]]:
    """Return the objects in groups, one after the other; those of a group may come together."""
    first = [manifest for manifest in manifests if manifest["kind"] == "Namespace"]
    groups = [first] if first else []
    others = [manifest for manifest in manifests if manifest["kind"] != "Namespace"]
    for passive, neighbours in groupby(others, key=lambda found: found["kind"] in _PASSIVE):
        together = list(neighbours)
        groups += [together] if passive else [[manifest] for manifest in together]
    return groups


def _account_of(namespace: str) -> Manifest:
    return {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": namespace},
    }


def _is_observed(obj: Manifest) -> bool:
    observed = obj.get("status", {}).get("observedGeneration", 0)
    return bool(observed >= obj["metadata"].get("generation", 1))


def _has_its_pods(obj: Manifest) -> bool:
    status = obj.get("status", {})
    refused = any(c["type"] == "ReplicaFailure" for c in status.get("conditions", ()))
    complete = status.get("replicas", 0) == obj["spec"].get("replicas", 1)
    return _is_observed(obj) and (complete or refused)


def _has_condition(name: str) -> Callable[[Manifest], bool]:
    def has(obj: Manifest) -> bool:
        conditions = obj.get("status", {}).get("conditions", ())
        return any(c["type"] == name and c["status"] == "True" for c in conditions)

    return has


_SETTLED: dict[str, Callable[[Manifest], bool]] = {
    "CustomResourceDefinition": _has_condition("Established"),
    "DaemonSet": _is_observed,
    "Deployment": _has_its_pods,
    "ReplicaSet": _has_its_pods,
    "StatefulSet": _is_observed,
}


def _namespace(manifest: Manifest) -> str:
    return str(manifest["metadata"].get("namespace", "default"))


def _say(manifest: Manifest) -> str:
    metadata = manifest["metadata"]
    place = f"{metadata['namespace']}/" if "namespace" in metadata else ""
    return f"{manifest['kind']} {place}{metadata['name']}"
