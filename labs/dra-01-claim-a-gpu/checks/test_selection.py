"""Task: select devices by what they are."""

from collections.abc import Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect
from graders.dra import UnseenDevice, expect_admits, expect_untouched, memory_of, placement_of


@check("select-by-memory")
def test_the_template_admits_exactly_what_is_good_enough(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventory"]
    expect_untouched(cluster, inventory)
    pod = placement_of(cluster, variant["roomy"], variant["team"], inventory)
    template = cluster.get("ResourceClaimTemplate", variant["roomy"], variant["team"])

    entries = pod.pod["spec"].get("resourceClaims") or []
    expect(
        [entry.get("resourceClaimTemplateName") for entry in entries] == [variant["roomy"]],
        f"The Pod {variant['roomy']} does not use the template {variant['roomy']}",
        expected=f"one claim, made from ResourceClaimTemplate {variant['roomy']}",
        found=", ".join(str(entry) for entry in entries) or "no claim",
        hint="kubectl explain pod.spec.resourceClaims",
    )
    least, oldest = variant["roomy_memory"], variant["minimum_driver"]
    for name in sorted(pod.all_devices):
        device = inventory["devices"][name]
        version = device["attributes"]["driverVersion"]["version"]
        expect(
            memory_of(device) >= least * 2**30 and _version(version) >= _version(oldest),
            f"The device of the Pod {variant['roomy']} is not good enough",
            expected=f"at least {least}Gi, driver {oldest} or later",
            found=f"{device['capacity']['memory']['value']}, driver {version}",
            hint="Evaluate your expression by hand for this device.",
        )
    expect(
        len(pod.all_devices) == 1,
        f"The Pod {variant['roomy']} does not use one device",
        expected="one GPU",
        found=f"{len(pod.all_devices)}",
        hint="Compare the Pod's resources.claims with status.allocation of its claim.",
    )
    good, bad = _unseen(least, oldest)
    rule = f"at least {least}Gi on driver {oldest} or later"
    expect_admits(cluster, inventory, template, good=good, bad=bad, rule=rule)


def _unseen(least: int, oldest: str) -> tuple[list[UnseenDevice], list[UnseenDevice]]:
    """Return devices that are just good enough, and devices that just are not."""
    major, minor, patch = _version(oldest)
    newer = f"{major}.{minor}.{patch + 9}"
    older = f"{major}.{minor}.{patch - 1}" if patch else f"{major}.{minor - 1}.999"
    good = [
        UnseenDevice("a device that is just good enough in both", f"{least}Gi", oldest),
        UnseenDevice("a large device on a much later driver", "1Ti", f"{major + 435}.0.0"),
        UnseenDevice("a device whose size is given in Mi", f"{least * 1024 + 1}Mi", newer),
    ]
    bad = [
        UnseenDevice("a device that is 1Mi too small", f"{least * 1024 - 1}Mi", newer),
        UnseenDevice("a large device on a driver one patch too old", "1Ti", older),
        UnseenDevice("a large device on driver 99.0.0", "1Ti", "99.0.0"),
    ]
    return good, bad


def _version(text: str) -> tuple[int, int, int]:
    major, minor, patch = text.split(".")
    return int(major), int(minor), int(patch)
