"""Recorded after set-up, before the learner can act: who the broken Deployment is."""

from typing import Any

from graders import ClusterView, Variant


def record(cluster: ClusterView, variant: Variant) -> dict[str, Any]:
    queue = cluster.get("Deployment", variant["queue"], namespace=variant["space"])
    return {"queue": queue["metadata"]["uid"]}
