"""Frozen clusters: held still, thawed where they were, and never lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from clusters.errors import NotFound
from clusters.provider import Cluster, ClusterState
from clusters.providers.embedded import EmbeddedProvider
from clusters.spec import ClusterSpec

pytestmark = pytest.mark.cluster

Connect = Callable[[Path], httpx.Client]
SPACES = "/api/v1/namespaces"


@pytest.fixture
def frozen(provider: EmbeddedProvider, cluster: Cluster) -> Iterator[Cluster]:
    provider.create(ClusterSpec(cluster.name))
    provider.freezer.freeze(cluster.name)
    yield provider.status(cluster.name)
    provider.create(ClusterSpec(cluster.name))


def seconds_of(cluster: Cluster) -> float:
    """Processor time of every process of a cluster so far."""
    times = [psutil.Process(c.pid).cpu_times() for c in cluster.components if c.pid]
    return sum(t.user + t.system for t in times)


def test_a_frozen_cluster_takes_no_processor_time_and_answers_nobody(
    frozen: Cluster, provider: EmbeddedProvider, connect: Connect
) -> None:
    before = seconds_of(frozen)
    with connect(frozen.kubeconfig) as learner:
        learner.timeout = 1.0
        with pytest.raises(httpx.TimeoutException):
            learner.get(SPACES)

    assert (frozen.frozen, frozen.state) == (True, ClusterState.READY)
    assert seconds_of(provider.status(frozen.name)) == before


def test_a_thawed_cluster_goes_on_within_a_second(
    frozen: Cluster, provider: EmbeddedProvider, connect: Connect
) -> None:
    provider.freezer.thaw(frozen.name)

    with connect(frozen.kubeconfig) as learner:
        learner.timeout = 1.0
        nodes = learner.get("/api/v1/nodes").json()["items"]
        space = learner.post(SPACES, json={"metadata": {"generateName": "new-"}})

    assert not provider.status(frozen.name).frozen
    assert len(nodes) == 2
    assert space.status_code == 201


def test_freezing_and_thawing_twice_is_no_error(
    frozen: Cluster, provider: EmbeddedProvider
) -> None:
    provider.freezer.freeze(frozen.name)
    provider.freezer.thaw(frozen.name)
    provider.freezer.thaw(frozen.name)

    assert not provider.status(frozen.name).frozen


def test_create_thaws_a_cluster_that_somebody_froze_in_part_and_left(
    frozen: Cluster, provider: EmbeddedProvider
) -> None:
    psutil.Process(next(c.pid for c in frozen.components if c.name == "etcd")).resume()
    assert provider.status(frozen.name).frozen

    assert not provider.create(ClusterSpec(frozen.name)).frozen


def test_a_frozen_cluster_can_be_deleted(provider: EmbeddedProvider) -> None:
    provider.create(ClusterSpec("left-frozen"))
    provider.freezer.freeze("left-frozen")

    provider.delete("left-frozen")

    assert "left-frozen" not in {found.name for found in provider.list()}


def test_what_does_not_exist_is_not_frozen(provider: EmbeddedProvider) -> None:
    with pytest.raises(NotFound, match="there is no cluster 'nobody'"):
        provider.freezer.freeze("nobody")
    assert not provider._folder("nobody").path.exists()
