"""Tasks: select by what not every device has, ask for a first and a second choice."""

from collections.abc import Mapping
from typing import Any

from devices import attribute, claim_template, expect_count, gpu

from graders import ClusterView, Variant, check, expect
from graders.dra import claims_granted, expect_admits, expect_untouched, memory_of, placement_of

GIB = 2**30


@check("select-linked")
def test_the_template_admits_linked_devices_that_are_large_enough(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["gpu.assay.dev"]
    expect_untouched(cluster, inventory)
    pod = placement_of(cluster, variant["linked"], variant["team"], inventory)
    [device] = expect_count(pod, 1)
    least = variant["linked_memory"]
    expect(
        attribute(inventory["devices"][device], "island") is not None,
        f"The device of the Pod {variant['linked']} has no links",
        expected="a device that belongs to an island",
        found=device,
        hint="kubectl get resourceslices --output yaml: which devices have the attribute?",
    )

    expect_admits(
        cluster,
        inventory,
        claim_template(cluster, pod, variant["team"]),
        good=[
            gpu("a linked device that is just large enough", f"{least}Gi", "north"),
            gpu("a huge linked device of an unknown island", "1Ti", "south"),
        ],
        bad=[
            gpu("a huge device without links", "1Ti"),
            gpu("a linked device that is 1Mi too small", f"{least * 1024 - 1}Mi", "north"),
        ],
        rule=f"links and at least {least}Gi",
    )


@check("prefer-and-fall-back")
def test_one_large_device_is_preferred_and_two_small_ones_will_do(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["gpu.assay.dev"]
    expect_untouched(cluster, inventory)
    pod = placement_of(cluster, variant["flexible"], variant["team"], inventory)
    large, small = variant["large_memory"], variant["least_memory"]
    sizes = sorted(memory_of(inventory["devices"][device]) for device in pod.all_devices)
    expect(
        (len(sizes) == 1 and sizes[0] >= large * GIB)
        or (len(sizes) == 2 and sizes[0] >= small * GIB),
        f"The Pod {variant['flexible']} does not use what it can work with",
        expected=f"one GPU with at least {large}Gi, or two with at least {small}Gi each",
        found=", ".join(f"{size / GIB:.0f}Gi" for size in sizes) or "no GPU",
        hint="Compare status.allocation of its claim with what each alternative asks for.",
    )

    first = f"a device of {large}Gi"
    pair = ("a device that is 1Mi too small to be the large one", "one that is just enough")
    granted = claims_granted(
        cluster,
        inventory,
        claim_template(cluster, pod, variant["team"])["spec"]["spec"],
        [
            gpu(pair[0], f"{large * 1024 - 1}Mi"),
            gpu(pair[1], f"{small}Gi"),
            gpu(first, f"{large}Gi"),
            gpu("a device that is 1Mi too small for a pair", f"{small * 1024 - 1}Mi"),
            gpu("another one that is too small", f"{small * 1024 - 1}Mi"),
        ],
    )
    wanted = [frozenset({first}), frozenset(pair)]
    found = [" and ".join(sorted(one)) for one in granted] + ["nothing"]
    expect(
        granted == wanted,
        "Claims of your template are not given first the one, then the other",
        expected=f"first {first}, then two of {small}Gi, then nothing",
        found=f"first {', then '.join(found)}",
        hint="kubectl explain resourceclaimtemplate.spec.spec.devices.requests.firstAvailable",
    )
