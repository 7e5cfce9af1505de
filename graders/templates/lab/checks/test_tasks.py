"""One check for each task of lab.yaml. They look at the cluster from outside.

The learner is cluster-admin and can write any status. So a check looks at who the objects are
(uid, owner) and at who did something (audit log), not at what the objects say about themselves.
"""

from collections.abc import Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect

SCHEDULER = "system:kube-scheduler"


@check("run-replicas")
def test_the_replicas_run(cluster: ClusterView, variant: Variant) -> None:
    web = cluster.get("Deployment", variant["web"], namespace=variant["space"])

    cluster.wait_until(
        lambda: len(running_pods(cluster, web)) == variant["replicas"],
        seconds=10,
        message=f"The Deployment {variant['web']} does not run as many Pods as it should",
        expected=f"{variant['replicas']} running Pods",
        found=lambda: f"{len(running_pods(cluster, web))} running Pods",
        hint=f"kubectl get pods -n {variant['space']}",
    )


@check("repair-workload")
def test_the_queue_is_repaired(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    queue = cluster.get("Deployment", variant["queue"], namespace=variant["space"])

    expect(
        queue["metadata"]["uid"] == baseline["queue"],
        f"The Deployment {variant['queue']} was replaced, not repaired",
        expected="the Deployment that was there at the start",
        found="another one of the same name",
    )
    cluster.wait_until(
        lambda: len(running_pods(cluster, queue)) == 2,
        seconds=10,
        message=f"The Pods of {variant['queue']} do not run",
        expected="2 running Pods",
        found=lambda: f"{len(running_pods(cluster, queue))} running Pods",
        hint="kubectl describe pod shows what the scheduler says, under Events",
    )


def running_pods(cluster: ClusterView, deployment: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the Pods that really belong to a Deployment and that the scheduler placed."""
    namespace = deployment["metadata"]["namespace"]
    sets = [r for r in cluster.list("ReplicaSet", namespace) if is_owned(r, deployment)]
    return [
        pod
        for pod in cluster.list("Pod", namespace)
        if any(is_owned(pod, owner) for owner in sets)
        and pod["status"].get("phase") == "Running"
        and "deletionTimestamp" not in pod["metadata"]
        and cluster.bound_by(pod).actor == SCHEDULER
    ]


def is_owned(thing: dict[str, Any], owner: dict[str, Any]) -> bool:
    """Return whether `owner` is an owner of `thing`, by uid: names and labels can be copied."""
    references = thing["metadata"].get("ownerReferences", ())
    return any(reference["uid"] == owner["metadata"]["uid"] for reference in references)
