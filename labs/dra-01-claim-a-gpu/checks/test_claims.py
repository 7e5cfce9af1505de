"""Tasks: claim devices with a template, separate devices, share a device."""

from collections.abc import Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect
from graders.dra import UnseenDevice, claims_granted, expect_untouched, placement_of


@check("claim-devices")
def test_the_trainer_has_its_devices_from_a_template(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventory"]
    expect_untouched(cluster, inventory)
    trainer = placement_of(cluster, variant["trainer"], variant["team"], inventory)

    wanted = variant["trainer_devices"]
    expect(
        len(trainer.all_devices) == wanted,
        f"The Pod {variant['trainer']} does not use the devices it needs",
        expected=f"{wanted} GPUs that its container may use",
        found=f"{len(trainer.all_devices)}",
        hint="Compare the Pod's resources.claims with status.allocation of its ResourceClaim.",
    )
    templates = [
        entry["resourceClaimTemplateName"]
        for entry in trainer.pod["spec"]["resourceClaims"]
        if "resourceClaimTemplateName" in entry
    ]
    expect(
        len(templates) == len(trainer.pod["spec"]["resourceClaims"]),
        f"The Pod {variant['trainer']} uses a claim that was not made from a template",
        expected="resourceClaimTemplateName",
        found="resourceClaimName",
        hint="kubectl explain pod.spec.resourceClaims",
    )
    requests = [
        request
        for name in templates
        for request in cluster.get("ResourceClaimTemplate", name, variant["team"])["spec"]["spec"][
            "devices"
        ]["requests"]
    ]
    granted = claims_granted(
        cluster,
        inventory,
        {"devices": {"requests": _renamed(requests)}},
        [UnseenDevice(f"device {number}", "512Gi") for number in range(2 * wanted - 1)],
    )
    expect(
        [len(devices) for devices in granted] == [wanted],
        "A claim made from your template now is not given what the Pod needs",
        expected=f"{wanted} devices, and nothing where only {wanted - 1} are free",
        found=f"{' and '.join(str(len(devices)) for devices in granted) or 'no'} devices",
        hint="kubectl get resourceclaimtemplates --output yaml: what does it ask for?",
    )


@check("separate-devices")
def test_two_pods_have_a_device_each(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    expect_untouched(cluster, baseline["inventory"])
    pods = [f"{variant['trial']}-{letter}" for letter in "ab"]
    placements = [
        placement_of(cluster, pod, variant["team"], baseline["inventory"]) for pod in pods
    ]

    for pod, placement in zip(pods, placements, strict=True):
        _expect_one(f"The Pod {pod}", placement.all_devices)
    shared = placements[0].all_devices & placements[1].all_devices
    expect(
        not shared,
        f"The Pods {pods[0]} and {pods[1]} use the same device",
        expected="a device of its own for each",
        found=f"both use {', '.join(sorted(shared))}",
        hint="How many ResourceClaims are there for the two Pods, and who uses which?",
    )


@check("share-a-device")
def test_two_containers_share_a_device_and_the_third_has_its_own(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    expect_untouched(cluster, baseline["inventory"])
    duo = placement_of(cluster, variant["duo"], variant["team"], baseline["inventory"])

    wanted = {"server", "profiler", "indexer"}
    expect(
        wanted <= duo.devices.keys(),
        f"The Pod {variant['duo']} lacks containers",
        expected=", ".join(sorted(wanted)),
        found=", ".join(sorted(duo.devices)),
        hint="The table of the task names them.",
    )
    for container in sorted(wanted):
        _expect_one(f"The container {container}", duo.devices[container])
    expect(
        duo.devices["server"] == duo.devices["profiler"],
        "The containers server and profiler do not share a device",
        expected="the same device",
        found=", ".join(sorted(duo.devices["server"] | duo.devices["profiler"])),
        hint="kubectl explain pod.spec.containers.resources.claims",
    )
    expect(
        duo.devices["indexer"] != duo.devices["server"],
        "The container indexer uses the device of the server",
        expected="a device of its own",
        found=", ".join(sorted(duo.devices["indexer"])),
        hint="Which request does each container name, and which device was given for it?",
    )


def _expect_one(who: str, devices: frozenset[str]) -> None:
    expect(
        len(devices) == 1,
        f"{who} does not use exactly one device",
        expected="one GPU",
        found=", ".join(sorted(devices)) or "none",
        hint="Compare resources.claims of each container with status.allocation of the claim.",
    )


def _renamed(requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Requests of several templates may have the same name; in one claim they may not."""
    return [{**request, "name": f"r{number}"} for number, request in enumerate(requests)]
