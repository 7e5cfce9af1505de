"""Devices of this lab that nobody has seen: what the checks of several tasks publish."""

from typing import Any

from graders import expect
from graders.dra import Placement, UnseenDevice

VERSION = "999.0.0"


def gpu(name: str, memory: str, island: str = "") -> UnseenDevice:
    """Return a GPU; one without an island has no such attribute at all."""
    links = {"island": {"string": island}} if island else {}
    return UnseenDevice(name, memory, VERSION, links)


def part(name: str, card: str, profile: str, memory: str) -> UnseenDevice:
    """Return a part of a card, as driver part.assay.dev publishes it."""
    return UnseenDevice(
        name, memory, attributes={"card": {"string": card}, "profile": {"string": profile}}
    )


def shared_card(name: str, memory: int) -> UnseenDevice:
    """Return a card whose memory, in Mi, is given away piece by piece, and to the last Mi."""
    policy = {"default": "4Gi", "validRange": {"min": "4Gi", "step": "1Mi"}}
    return UnseenDevice(
        name,
        f"{memory}Mi",
        attributes={"mode": {"string": "shared"}},
        more={
            "allowMultipleAllocations": True,
            "capacity": {"memory": {"value": f"{memory}Mi", "requestPolicy": policy}},
        },
    )


def expect_count(placement: Placement, wanted: int, what: str = "GPU") -> list[str]:
    """Return the ids of a Pod's devices, of which there must be so many."""
    expect(
        len(placement.all_devices) == wanted,
        f"The Pod {placement.pod['metadata']['name']} does not use what it needs",
        expected=f"{wanted} {what}{'s' if wanted > 1 else ''} that its containers may use",
        found=str(len(placement.all_devices)),
        hint="Compare the Pod's resources.claims with status.allocation of its ResourceClaim.",
    )
    return sorted(placement.all_devices)


def attribute(device: dict[str, Any], name: str) -> Any:
    """Return the value of an attribute; None where a device does not have it."""
    return next(iter(device["attributes"].get(name, {}).values()), None)


def claim_template(cluster: Any, placement: Placement, namespace: str) -> dict[str, Any]:
    """Return the ResourceClaimTemplate of a Pod that has its devices from exactly one."""
    entries = placement.pod["spec"].get("resourceClaims") or []
    names = [entry.get("resourceClaimTemplateName") for entry in entries]
    expect(
        len(names) == 1 and names[0],
        f"The Pod {placement.pod['metadata']['name']} has its devices not from one template",
        expected="one claim, made from a ResourceClaimTemplate",
        found=", ".join(str(entry) for entry in entries) or "no claim",
        hint="kubectl explain pod.spec.resourceClaims",
    )
    template: dict[str, Any] = cluster.get("ResourceClaimTemplate", names[0], namespace)
    return template
