"""Work: what somebody who passed has in their cluster, for a forger to copy from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graders.api import ApiServer
from graders.discovery import OWN_GROUPS, Discovery, ResourceType

Document = dict[str, Any]

_NOT_COPIED = {"Event", "Lease", "Node", "Namespace", "APIService", "EndpointSlice", "Endpoints"}
"""What the cluster writes by itself, or what a copy of would be another cluster's."""
_RULES = {"DeviceTaintRule", "ResourceQuota", "ValidatingAdmissionPolicy"}
"""What holds once it is written, whatever its status tells about how it goes."""
_SERVER_FIELDS = ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation")


@dataclass(frozen=True)
class Work:
    """The objects of a cluster at one moment."""

    objects: tuple[Document, ...] = ()

    def of_kind(self, *kinds: str) -> list[Document]:
        """Return the objects of these kinds."""
        return [document for document in self.objects if document["kind"] in kinds]

    def beyond(self, other: Work) -> Work:
        """Return what the other cluster lacks, by kind, namespace and name."""
        there = {identity(document) for document in other.objects}
        return Work(tuple(d for d in self.objects if identity(d) not in there))

    @property
    def papers(self) -> Work:
        """The objects that are done once they are written, as no controller reports on them."""
        return Work(tuple(d for d in self.objects if "status" not in d or d["kind"] in _RULES))


def read_work(kubeconfig: Path) -> Work:
    """Return what is in a cluster, but for what every cluster writes by itself."""
    with ApiServer.from_file(kubeconfig) as api:
        types = Discovery().types(api)
        return Work(tuple(d for type_ in types if _is_copied(type_) for d in _objects(api, type_)))


def identity(document: Mapping[str, Any]) -> tuple[str, str, str, str]:
    """Return what an object is called: group, kind, namespace and name."""
    metadata = document["metadata"]
    group = document["apiVersion"].rpartition("/")[0]
    return group, document["kind"], metadata.get("namespace", ""), metadata["name"]


def as_new(document: Mapping[str, Any], **changes: Any) -> Document:
    """Return an object as somebody would create it: without what the server writes."""
    metadata = {k: v for k, v in document["metadata"].items() if k not in _SERVER_FIELDS}
    for field in ("ownerReferences", "finalizers", "selfLink", "deletionTimestamp"):
        metadata.pop(field, None)
    return {**document, "metadata": metadata, **changes}


def _is_copied(type_: ResourceType) -> bool:
    return (
        OWN_GROUPS.get(type_.group, type_.version) == type_.version
        and {"create", "delete", "list"} <= type_.verbs
        and type_.kind not in _NOT_COPIED
    )


def _objects(api: ApiServer, type_: ResourceType) -> Iterator[Document]:
    for item in api.items(type_.path())[0]:
        yield {"apiVersion": type_.api_version, "kind": type_.kind, **item}
