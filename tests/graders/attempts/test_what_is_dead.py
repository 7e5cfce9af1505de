"""A cluster that does not run says which part of it."""

from __future__ import annotations

import dataclasses
from typing import Any

from clusters.provider import Cluster, ClusterState, Component
from clusters.spec import ClusterSpec
from graders.attempts.rules import cluster_problem


def test_a_cluster_says_what_is_dead(fake_provider: Any) -> None:
    cluster: Cluster = fake_provider.create(ClusterSpec("c"))
    etcd, proxy = Component("etcd", None), Component("kube-apiserver", 12)

    assert cluster_problem(cluster) == ""
    dead = dataclasses.replace(cluster, components=(etcd, proxy))
    assert cluster_problem(dead) == "etcd of the cluster does not run"
    half = dataclasses.replace(cluster, state=ClusterState.INCOMPLETE)
    assert cluster_problem(half) == "the cluster is incomplete"
