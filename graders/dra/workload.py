"""Workload: a Deployment that is to be repaired, and may not be replaced or emptied for it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from graders.checks import expect
from graders.view import ClusterView

ROLLOUT_SECONDS = 5.0
"""How long a rollout that was only just begun may take."""

Object = Mapping[str, Any]


def expect_only_claims_changed(found: Object, baseline: Object) -> None:
    """Fail when a Deployment gave up more than the origin of its claims.

    Args:
        found: the Deployment as it is now.
        baseline: its spec as it was at the start.

    Raises:
        CheckFailed: it was scaled down, or its Pod template asks for something else.
    """
    name = found["metadata"]["name"]
    expect(
        found["spec"]["replicas"] >= baseline["replicas"],
        f"The Deployment {name} was scaled down",
        expected=f"{baseline['replicas']} replicas",
        found=found["spec"]["replicas"],
        hint="kubectl scale --help",
    )
    expect(
        _beyond_claims(found["spec"]) == _beyond_claims(baseline),
        f"More than the claim of the Deployment {name} was changed",
        expected="the same containers, nothing new and nothing gone",
        found="another Pod template",
        hint=f"kubectl rollout history deployment {name}, with --revision=1",
    )


def running_pods_of(cluster: ClusterView, deployment: Object, replicas: int) -> list[str]:
    """Return the names of a Deployment's own Pods, once all of them run.

    Raises:
        CheckFailed: they do not.
    """
    metadata = deployment["metadata"]
    names: list[str] = cluster.wait_until(
        lambda: _complete(pods_of(cluster, deployment), replicas),
        ROLLOUT_SECONDS,
        f"The Deployment {metadata['name']} does not run with all its replicas",
        expected=f"{replicas} Pods, all Running",
        found=lambda: _say(pods_of(cluster, deployment)),
        hint=f"kubectl events --namespace {metadata['namespace']} --types=Warning",
    )
    return names


def pods_of(cluster: ClusterView, deployment: Object) -> list[dict[str, Any]]:
    """Return the Pods that belong to a Deployment, by uid, and are not being deleted."""
    namespace = deployment["metadata"]["namespace"]
    sets = {
        replicas["metadata"]["uid"]
        for replicas in cluster.list("ReplicaSet", namespace)
        if _is_owned_by(replicas, {deployment["metadata"]["uid"]})
    }
    return [
        pod
        for pod in cluster.list("Pod", namespace)
        if _is_owned_by(pod, sets) and not pod["metadata"].get("deletionTimestamp")
    ]


def pod_like(deployment: Object) -> dict[str, Any]:
    """Return one more Pod like a Deployment's, which no ReplicaSet takes for its own."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": deployment["metadata"]["namespace"]},
        "spec": deployment["spec"]["template"]["spec"],
    }


def _beyond_claims(spec: Object) -> Any:
    """Return the Pod template without what may be repaired: where the claim comes from."""
    pod = copy.deepcopy(spec["template"]["spec"])
    for entry in pod.get("resourceClaims") or ():
        entry.pop("resourceClaimTemplateName", None)
    for container in pod["containers"]:
        for use in (container.get("resources") or {}).get("claims") or ():
            use.pop("request", None)
    return pod


def _is_owned_by(child: Object, uids: set[str]) -> bool:
    owners = child["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] in uids and owner.get("controller") for owner in owners)


def _complete(pods: list[dict[str, Any]], replicas: int) -> list[str]:
    """Return the names of the Pods once all of them run, and not before."""
    run = all(pod["status"].get("phase") == "Running" for pod in pods)
    return [pod["metadata"]["name"] for pod in pods] if run and len(pods) >= replicas else []


def _say(pods: list[dict[str, Any]]) -> str:
    return ", ".join(sorted(str(pod["status"].get("phase")) for pod in pods)) or "no Pods"
