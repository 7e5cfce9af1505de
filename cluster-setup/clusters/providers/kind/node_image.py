"""Which image nodes are made of: our own from the cache, or kindest/node from a registry.

ASSAY_NODE_IMAGE=auto      our own where it is in the cache, else kindest/node by digest (default)
ASSAY_NODE_IMAGE=own       our own or nothing
ASSAY_NODE_IMAGE=registry  kindest/node by digest or nothing
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import StrEnum

from clusters.binaries.lock import lock_with
from clusters.errors import ClusterError, InputInvalid, PreflightError
from clusters.images.docker import load_into_docker
from clusters.images.node import node_image_name
from clusters.images.store import ImageStore
from clusters.phases import OnPhase, ignore, timed
from clusters.providers.kind.docker import docker

KINDEST = {
    "v1.37": (
        "v1.37.0",
        "sha256:a1ed56cfb0e7b93589bdf97c8cd566405a265939e3620fc4f5de89adff580ae5",
    ),
}
"""Images that kind v0.33.0 was released with, by minor version: their Kubernetes, and their digest.
Source: kind's `pkg/apis/config/defaults/image.go`."""
_PULL_SECONDS = 1800.0


class Choice(StrEnum):
    """Where the node image comes from (`ASSAY_NODE_IMAGE`)."""

    AUTO = "auto"
    OWN = "own"
    REGISTRY = "registry"


@dataclass(frozen=True)
class NodeImage:
    """An image that Docker has, or can get."""

    reference: str
    kubernetes: str
    """Version of Kubernetes in it."""
    own: bool
    """Whether it was made here."""


def choice() -> Choice:
    """Return what the environment asks for.

    Raises:
        InputInvalid: it asks for something unknown.
    """
    asked = os.environ.get("ASSAY_NODE_IMAGE") or Choice.AUTO.value
    if asked not in list(Choice):
        raise InputInvalid([f"ASSAY_NODE_IMAGE={asked}: use {', '.join(Choice)}"])
    return Choice(asked)


def node_image_here(kubernetes: str = "") -> NodeImage | None:
    """Return the image that nodes can be made of at once; None when one has to be got first.

    Raises:
        NotFound: this version of Kubernetes is not pinned.
        InputInvalid: the environment asks for something unknown.
    """
    asked = choice()
    own = _own(kubernetes)
    if asked is not Choice.REGISTRY:
        if ImageStore().find(own.reference) or _docker_has(own):
            return own
    published = _published(kubernetes)
    if asked is not Choice.OWN and published and _docker_has(published):
        return published
    return None


def how_to_get_one(kubernetes: str = "") -> str:
    """Return the sentence that says what to do where there is no node image."""
    version = lock_with(kubernetes).kubernetes
    other = f" --kubernetes {version.removeprefix('v')}" if kubernetes else ""
    build = f"`assay images build{other}`"
    published = _published(kubernetes)
    if published is None or choice() is Choice.OWN:
        return f"there is no node image of Kubernetes {version}: make it with {build}"
    return (
        f"there is no node image of Kubernetes {version}: make it with {build}, or where a "
        f"registry can be reached `docker pull {published.reference}`"
    )


def bring_node_image(kubernetes: str = "", on_phase: OnPhase = ignore) -> NodeImage:
    """Return the image of nodes once Docker has it.

    Raises:
        NotFound: this version of Kubernetes is not pinned.
        PreflightError: there is none here, and no registry gives one.
        CommandError: Docker refused ours.
    """
    with timed(on_phase, "node-image", "Looking for the node image", 10):
        found = node_image_here(kubernetes)
        if found is None:
            return _pulled(kubernetes)
        if found.own:
            store = ImageStore()
            if image := store.find(found.reference):  # else only Docker has it
                load_into_docker(store, image)
        return found


def _pulled(kubernetes: str) -> NodeImage:
    published = _published(kubernetes)
    if published is None or choice() is Choice.OWN:
        raise PreflightError(how_to_get_one(kubernetes))
    try:
        docker("pull", "--quiet", published.reference, seconds=_PULL_SECONDS)
    except ClusterError as error:
        reason = str(error).splitlines()[-1]
        raise PreflightError(f"{how_to_get_one(kubernetes)} ({reason})") from error
    return published


def _own(kubernetes: str) -> NodeImage:
    return NodeImage(node_image_name(kubernetes), lock_with(kubernetes).kubernetes, own=True)


def _published(kubernetes: str) -> NodeImage | None:
    minor = lock_with(kubernetes).kubernetes.rpartition(".")[0]
    if minor not in KINDEST:
        return None
    version, digest = KINDEST[minor]
    return NodeImage(f"kindest/node:{version}@{digest}", version, own=False)


def _docker_has(image: NodeImage) -> bool:
    try:
        docker("image", "inspect", "--format", "{{.Id}}", image.reference)
    except ClusterError:
        return False
    return True
