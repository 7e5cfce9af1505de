"""Copies of clusters: what they hold, what they share with the original, and what is refused."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from clusters.errors import InputInvalid, NotFound
from clusters.inventory import Inventory
from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

Connect = Callable[[Path], httpx.Client]
NOTES = "/api/v1/namespaces/default/configmaps"
SPACES = "/api/v1/namespaces"


@pytest.fixture
def copied(
    provider: EmbeddedProvider, cluster: Cluster, connect: Connect
) -> Iterator[tuple[Cluster, str]]:
    """A copy of the module's cluster, and the uid of an object that was made before."""
    provider.create(ClusterSpec(cluster.name))
    with connect(cluster.kubeconfig) as learner:
        note = {"metadata": {"generateName": "note-"}, "data": {"text": "before"}}
        made = learner.post(NOTES, json=note).json()
    name = f"copy-{secrets.token_hex(3)}"
    yield provider.copy(cluster.name, ClusterSpec(name, owner="somebody")), made["metadata"]["uid"]
    provider.delete(name)


def test_a_copy_holds_the_same_objects_and_works(
    copied: tuple[Cluster, str], cluster: Cluster, connect: Connect
) -> None:
    copy, uid = copied

    with connect(copy.kubeconfig) as learner, connect(copy.grader_kubeconfig) as grader:
        notes = learner.get(NOTES).json()["items"]
        space = learner.post(SPACES, json={"metadata": {"generateName": "new-"}})
        tried = grader.post(f"{NOTES}?dryRun=All", json={"metadata": {"generateName": "try-"}})

    assert uid in {note["metadata"]["uid"] for note in notes}
    assert (space.status_code, tried.status_code) == (201, 201)
    assert (copy.state, copy.owner) == (ClusterState.READY, "somebody")
    assert copy.uid == cluster.uid
    former = cluster.audit_log.read_bytes()
    assert former, "who did what before is still known"
    assert copy.audit_log.read_bytes().startswith(former)


def test_what_is_done_in_a_copy_is_not_done_in_the_original(
    copied: tuple[Cluster, str], provider: EmbeddedProvider, cluster: Cluster, connect: Connect
) -> None:
    copy, uid = copied
    with connect(copy.kubeconfig) as learner:
        learner.delete(NOTES)

    provider.create(ClusterSpec(cluster.name))  # it was stopped for the copy
    with connect(cluster.kubeconfig) as learner:
        notes = learner.get(NOTES).json()["items"]

    assert provider.status(cluster.name).state is ClusterState.READY
    assert uid in {note["metadata"]["uid"] for note in notes}


def test_a_copy_of_nothing_or_as_something_else_is_refused_and_leaves_nothing(
    provider: EmbeddedProvider, cluster: Cluster
) -> None:
    before = {found.name for found in provider.list()}
    small = Inventory.model_validate({"nodes": [{"name": "only"}]})

    with pytest.raises(NotFound, match="there is no cluster 'nobody'"):
        provider.copy("nobody", ClusterSpec("new"))
    with pytest.raises(InputInvalid, match="another inventory"):
        provider.copy(cluster.name, ClusterSpec("new", inventory=small))
    with pytest.raises(InputInvalid, match="exists: use another name"):
        provider.copy(cluster.name, ClusterSpec(cluster.name))

    assert {found.name for found in provider.list()} == before
    assert provider.status(cluster.name).uid == cluster.uid
