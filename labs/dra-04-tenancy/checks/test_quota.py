"""Task: limit a class of devices by quota."""

from typing import Any

from asking import claim, expect_accepted, expect_open, expect_refused, wish

from graders import ClusterView, Variant, check, expect

PREMIUM = "premium.assay.dev"
QUOTA = "ResourceQuota"


@check("limit-a-class")
def test_no_more_devices_of_the_class_can_be_claimed_than_the_limit_says(
    cluster: ClusterView, variant: Variant
) -> None:
    blue, limit = variant["blue"], variant["premium_limit"]
    for space in (variant["red"], blue):
        expect_open(cluster, variant, space)
    left = limit - _claimed(cluster, blue)
    expect(
        left > 0,
        f"The namespace {blue} claims all the devices that it may have already",
        expected=f"fewer than {limit}, so that the limit can be tried",
        found=str(limit - left),
        hint=f"kubectl get resourceclaims --namespace {blue}",
    )
    hint = f"kubectl describe quota --namespace {blue}"
    fits = claim(blue, variant, wish(left, PREMIUM))
    what = f"A claim for {left} more devices of {PREMIUM} in {blue}"
    expect_accepted(cluster, fits, what, hint, unless=QUOTA)
    over = wish(left + 1, PREMIUM)
    for asked, what in (
        (over, f"A claim for {left + 1} more devices of {PREMIUM} in {blue}"),
        ([over, wish()], "A claim with such a wish as the first of its alternatives"),
        ([wish(), over], "A claim with such a wish as the last of its alternatives"),
    ):
        expect_refused(cluster, claim(blue, variant, asked), what, QUOTA, hint)
    other = claim(blue, variant, wish(2))
    expect_accepted(cluster, other, f"A claim for another class in {blue}", hint, unless=QUOTA)
    elsewhere = claim(variant["red"], variant, wish(2, PREMIUM))
    expect_accepted(
        cluster, elsewhere, f"A claim for {PREMIUM} in {variant['red']}", hint, unless=QUOTA
    )


def _claimed(cluster: ClusterView, namespace: str) -> int:
    """Return how many devices of the class are claimed already."""
    return sum(
        max(_count(one) for one in request.get("firstAvailable") or [request["exactly"]])
        for found in cluster.list("ResourceClaim", namespace)
        for request in found["spec"]["devices"].get("requests") or ()
    )


def _count(asked: dict[str, Any]) -> int:
    return int(asked.get("count", 1)) if asked["deviceClassName"] == PREMIUM else 0
