"""Tasks: use two partitions of one card, share the memory of one card between Pods."""

from collections.abc import Mapping
from typing import Any

from devices import attribute, claim_template, expect_count, part, shared_card

from graders import ClusterView, Variant, check, expect
from graders.dra import UnseenDevice, claims_granted, expect_untouched, placement_of

CONTAINERS = ("encoder", "decoder")


@check("share-by-partition")
def test_two_containers_have_half_a_card_each_and_it_is_the_same_card(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["part.assay.dev"]
    expect_untouched(cluster, inventory)
    split = placement_of(cluster, variant["split"], variant["team"], inventory)
    parts = [_only_part(split.devices.get(name, frozenset()), name) for name in CONTAINERS]
    expect(
        parts[0] != parts[1],
        "The two containers use the same partition",
        expected="a half for each",
        found=f"both use {parts[0]}",
        hint="A claim may hold several requests; which one does each container name?",
    )
    devices = [inventory["devices"][name] for name in parts]
    profiles = [str(attribute(device, "profile")) for device in devices]
    expect(
        profiles == ["half", "half"],
        "The partitions are not halves",
        expected="half and half",
        found=" and ".join(profiles),
        hint="Each device of driver part.assay.dev has an attribute `profile`.",
    )
    cards = {str(attribute(device, "card")) for device in devices}
    expect(
        len(cards) == 1,
        "The partitions belong to different cards",
        expected="two halves of one card",
        found=" and ".join(sorted(cards)),
        hint="kubectl explain resourceclaim.spec.devices.constraints",
    )

    granted = claims_granted(
        cluster,
        inventory,
        claim_template(cluster, split, variant["team"])["spec"]["spec"],
        _halves_of_three_cards(),
    )
    found = [" and ".join(sorted(one)) for one in granted] or ["nothing"]
    expect(
        granted == [frozenset({"a half of the card south", "the other half of the card south"})],
        "A claim of your template is not given two halves of one card",
        expected="both halves of the card that has two, and then nothing",
        found=", then ".join(found),
        hint="What must be equal for the two, whatever cards there are?",
    )


def _only_part(devices: frozenset[str], container: str) -> str:
    expect(
        len(devices) == 1,
        f"The container {container} does not use exactly one partition",
        expected="one",
        found=", ".join(sorted(devices)) or "none",
        hint="resources.claims of a container may name one request of the claim.",
    )
    return next(iter(devices))


def _halves_of_three_cards() -> list[UnseenDevice]:
    """Return parts of which only two are halves of the same card."""
    return [
        part("a half of the card north", "north", "half", "40Gi"),
        part("a quarter of the card north", "north", "quarter", "20Gi"),
        part("a half of the card south", "south", "half", "40Gi"),
        part("the whole card west", "west", "full", "80Gi"),
        part("the whole of the card west again", "west", "full", "80Gi"),
        part("the other half of the card south", "south", "half", "40Gi"),
        part("another quarter of the card north", "north", "quarter", "20Gi"),
    ]


@check("share-by-capacity")
def test_two_pods_share_the_memory_of_one_card(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["share.assay.dev"]
    expect_untouched(cluster, inventory)
    pods = [f"{variant['tenant']}-{letter}" for letter in "ab"]
    placements = [placement_of(cluster, pod, variant["team"], inventory) for pod in pods]
    for placement in placements:
        expect_count(placement, 1, "card")
    cards = {card for placement in placements for card in placement.all_devices}
    expect(
        len(cards) == 1,
        f"The Pods {pods[0]} and {pods[1]} do not share a card",
        expected="the same card",
        found=" and ".join(sorted(cards)),
        hint="Not every card of driver share.assay.dev may be allocated more than once.",
    )

    templates = [claim_template(cluster, one, variant["team"]) for one in placements]
    for template in {t["metadata"]["uid"]: t for t in templates}.values():
        _expect_pieces(cluster, inventory, template, variant["tenant_memory"])


def _expect_pieces(
    cluster: ClusterView, inventory: Any, template: Mapping[str, Any], piece: int
) -> None:
    """Fail unless claims of a template fill a card with pieces of this size, and no other card.

    These cards round nothing up: a request for less or more than the piece is seen.
    """
    shared = f"a shared card of {2 * piece}Gi"
    granted = claims_granted(
        cluster,
        inventory,
        template["spec"]["spec"],
        [
            UnseenDevice(
                "a huge card that is not shared",
                "1Ti",
                attributes={"mode": {"string": "exclusive"}},
            ),
            shared_card("a shared card that is 1Mi too small", piece * 1024 - 1),
            shared_card(shared, 2 * piece * 1024),
        ],
    )
    found = [" and ".join(sorted(one)) for one in granted] or ["nothing"]
    expect(
        granted == [frozenset({shared})] * 2,
        f"Claims of the template {template['metadata']['name']} do not take {piece}Gi each",
        expected=f"two pieces of {shared}, and nothing else",
        found=", then ".join(found),
        hint="kubectl explain resourceclaimtemplate.spec.spec.devices.requests.exactly.capacity",
    )
