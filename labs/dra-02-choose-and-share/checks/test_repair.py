"""Task: repair a workload whose GPUs must be neighbours."""

from collections.abc import Mapping
from typing import Any

from devices import attribute, gpu

from graders import ClusterView, Variant, check, expect
from graders.dra import (
    Placement,
    claims_granted,
    expect_only_claims_changed,
    expect_untouched,
    memory_of,
    placement_of,
    pod_like,
    running_pods_of,
)


@check("repair-ensemble")
def test_the_same_deployment_runs_with_pairs_of_linked_devices(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["gpu.assay.dev"]
    expect_untouched(cluster, inventory)
    namespace = variant["serving"]
    deployment = cluster.get("Deployment", variant["ensemble"], namespace)
    expect_only_claims_changed(deployment, baseline["ensemble"])

    pods = running_pods_of(cluster, deployment, baseline["ensemble"]["replicas"])
    placements = [placement_of(cluster, pod, namespace, inventory) for pod in pods]
    with cluster.create_probe(pod_like(deployment)) as probe:
        placements.append(placement_of(cluster, probe.name, namespace, inventory))
    for placement in placements:
        _expect_pair(placement, inventory, variant["ensemble_memory"])
    _expect_requirement(cluster, placements[0], inventory, variant)


def _expect_pair(placement: Placement, inventory: Mapping[str, Any], least: int) -> None:
    devices = [inventory["devices"][name] for name in placement.all_devices]
    islands = {attribute(device, "island") for device in devices}
    expect(
        len(devices) == 2
        and len(islands) == 1
        and None not in islands
        and all(memory_of(device) >= least * 2**30 for device in devices),
        f"The Pod {placement.pod['metadata']['name']} does not use what it needs",
        expected=f"two GPUs of one island, each with at least {least}Gi",
        found=", ".join(sorted(placement.all_devices)) or "no GPU",
        hint="kubectl get resourceslices --output yaml: to which island does each belong?",
    )


def _expect_requirement(
    cluster: ClusterView, placement: Placement, inventory: Mapping[str, Any], variant: Variant
) -> None:
    [entry] = placement.pod["spec"]["resourceClaims"]
    template = cluster.get(
        "ResourceClaimTemplate", entry["resourceClaimTemplateName"], variant["serving"]
    )
    least = variant["ensemble_memory"]
    small = f"{least * 1024 - 1}Mi"
    pair = ("a device of the island south", "its neighbour on the island south")
    granted = claims_granted(
        cluster,
        inventory,
        template["spec"]["spec"],
        [
            gpu("a device of the island north", f"{least}Gi", "north"),
            gpu("a device without links", "1Ti"),
            gpu("another device without links", "1Ti"),
            gpu("a device of the island west that is too small", small, "west"),
            gpu(pair[0], f"{least}Gi", "south"),
            gpu("its neighbour on the island west, too small as well", small, "west"),
            gpu(pair[1], f"{least}Gi", "south"),
        ],
    )
    found = [" and ".join(sorted(one)) for one in granted] or ["nothing"]
    expect(
        granted == [frozenset(pair)],
        f"A claim of the template {template['metadata']['name']} is not given what is needed",
        expected=f"two devices of one island with at least {least}Gi each, then nothing",
        found=", then ".join(found),
        hint="What must be equal for the two, and what must each of them have?",
    )
