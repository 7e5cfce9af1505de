"""Task: repair a workload that stays Pending."""

import copy
from collections.abc import Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect
from graders.dra import (
    Placement,
    UnseenDevice,
    expect_admits,
    expect_untouched,
    placement_of,
)

ROLLOUT_SECONDS = 5


@check("repair-workload")
def test_the_same_deployment_runs_with_what_it_asked_for(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventory"]
    expect_untouched(cluster, inventory)
    deployment = cluster.get("Deployment", variant["chat"], variant["serving"])
    replicas = baseline["chat"]["replicas"]
    _expect_nothing_given_up(deployment, baseline["chat"])

    names = cluster.wait_until(
        lambda: _complete(_pods_of(cluster, deployment), replicas),
        ROLLOUT_SECONDS,
        f"The Deployment {variant['chat']} does not run with all its replicas",
        expected=f"{replicas} Pods, all Running",
        found=lambda: _say(_pods_of(cluster, deployment)),
        hint=f"kubectl events --namespace {variant['serving']} --types=Warning",
    )
    _expect_devices(
        [placement_of(cluster, name, variant["serving"], inventory) for name in names], variant
    )
    with cluster.create_probe(_pod_from(deployment)) as probe:
        _expect_devices([placement_of(cluster, probe.name, variant["serving"], inventory)], variant)
    _expect_requirement(cluster, deployment, variant, inventory)


def _expect_nothing_given_up(found: Mapping[str, Any], baseline: Mapping[str, Any]) -> None:
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


def _beyond_claims(spec: Mapping[str, Any]) -> Any:
    """Return the Pod template without what may be repaired: where the claim comes from."""
    pod = copy.deepcopy(spec["template"]["spec"])
    for entry in pod.get("resourceClaims") or ():
        entry.pop("resourceClaimTemplateName", None)
    for container in pod["containers"]:
        for use in (container.get("resources") or {}).get("claims") or ():
            use.pop("request", None)
    return pod


def _pods_of(cluster: ClusterView, deployment: Mapping[str, Any]) -> list[dict[str, Any]]:
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


def _is_owned_by(child: Mapping[str, Any], uids: set[str]) -> bool:
    owners = child["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] in uids and owner.get("controller") for owner in owners)


def _complete(pods: list[dict[str, Any]], replicas: int) -> list[str]:
    """Return the names of the Pods once all of them run, and not before."""
    run = all(pod["status"].get("phase") == "Running" for pod in pods)
    return [pod["metadata"]["name"] for pod in pods] if run and len(pods) >= replicas else []


def _say(pods: list[dict[str, Any]]) -> str:
    return ", ".join(sorted(str(pod["status"].get("phase")) for pod in pods)) or "no Pods"


def _expect_devices(placements: list[Placement], variant: Variant) -> None:
    for placement in placements:
        expect(
            len(placement.all_devices) == 1,
            f"The Pod {placement.pod['metadata']['name']} does not use one device",
            expected="one GPU",
            found=f"{len(placement.all_devices)}",
            hint="What does the container claim, and what was it given?",
        )
    expect(
        len({device for placement in placements for device in placement.all_devices})
        == len(placements),
        f"The replicas of {variant['chat']} share a device",
        expected="a device of its own for each replica",
        found="the same device twice",
        hint="Where does the claim of each Pod come from?",
    )


def _pod_from(deployment: Mapping[str, Any]) -> dict[str, Any]:
    """Return one more Pod like the Deployment's, which no ReplicaSet takes for its own."""
    namespace = deployment["metadata"]["namespace"]
    spec = deployment["spec"]["template"]["spec"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": namespace},
        "spec": spec,
    }


def _expect_requirement(
    cluster: ClusterView,
    deployment: Mapping[str, Any],
    variant: Variant,
    inventory: Mapping[str, Any],
) -> None:
    name = deployment["spec"]["template"]["spec"]["resourceClaims"][0]["resourceClaimTemplateName"]
    template = cluster.get("ResourceClaimTemplate", name, variant["serving"])
    for request in template["spec"]["spec"]["devices"]["requests"]:
        for wanted in request.get("firstAvailable") or [request.get("exactly")]:
            expect(
                wanted["deviceClassName"] == inventory["class"]["name"],
                f"The template {name} asks for another class of devices",
                expected=inventory["class"]["name"],
                found=wanted["deviceClassName"],
                hint="kubectl get deviceclasses: which are the platform's?",
            )
    least = variant["chat_memory"]
    expect_admits(
        cluster,
        inventory,
        template,
        good=[UnseenDevice("a device that is just large enough", f"{least}Gi")],
        bad=[UnseenDevice("a device that is 1Mi too small", f"{least * 1024 - 1}Mi")],
        rule=f"at least {least}Gi",
    )
