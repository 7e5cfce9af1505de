"""Task: give an old chart its GPUs."""

from collections.abc import Mapping
from typing import Any

from devices import gpu

from graders import ClusterView, Variant, check, expect
from graders.dra import (
    bridged_devices,
    expect_admits,
    expect_untouched,
    pod_like,
    running_pods_of,
)


@check("bridge-legacy")
def test_the_old_chart_runs_on_devices_of_a_class_that_answers_for_its_resource(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["gpu.assay.dev"]
    expect_untouched(cluster, inventory)
    name, namespace = variant["legacy"], variant["vendor"]
    resource = f"{variant['resource']}.example/gpu"
    bridge = _class_for(cluster, resource)

    deployment = cluster.get("Deployment", name, namespace)
    pods = running_pods_of(cluster, deployment, baseline["legacy"]["replicas"])
    given = [bridged_devices(cluster, pod, namespace, inventory) for pod in pods]
    with cluster.create_probe(pod_like(deployment)) as probe:
        given.append(bridged_devices(cluster, probe.name, namespace, inventory))
    expect(
        all(len(devices) == 1 for devices in given)
        and len(frozenset[str]().union(*given)) == len(given),
        f"The Pods of {name} do not have one GPU each",
        expected="one for each Pod",
        found=", ".join(str(len(devices)) for devices in given),
        hint=f"kubectl get resourceclaims --namespace {namespace}",
    )

    least = variant["legacy_memory"]
    spec = {"devices": {"requests": [{"name": "gpu", "exactly": {"deviceClassName": bridge}}]}}
    expect_admits(
        cluster,
        inventory,
        {"metadata": {"name": f"of the class {bridge}"}, "spec": {"spec": spec}},
        good=[
            gpu("a device that is just large enough", f"{least}Gi"),
            gpu("a huge device of an island", "1Ti", "north"),
        ],
        bad=[gpu("a device that is 1Mi too small", f"{least * 1024 - 1}Mi", "north")],
        rule=f"at least {least}Gi",
    )


def _class_for(cluster: ClusterView, resource: str) -> str:
    classes = [
        one["metadata"]["name"]
        for one in cluster.list("DeviceClass")
        if one["spec"].get("extendedResourceName") == resource
    ]
    expect(
        len(classes) == 1,
        f"Not exactly one DeviceClass answers for {resource}",
        expected="one class",
        found=", ".join(sorted(classes)) or "none",
        hint="kubectl explain deviceclass.spec",
    )
    return str(classes[0])
