"""Task: keep new work from a pool."""

from collections.abc import Mapping
from typing import Any

from taints import claim_of, tolerating

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched, is_given

DRIVER = "hgx.assay.dev"
POOL = "gpu-node-c"
OTHER = "gpu-node-d"


@check("cordon-the-pool")
def test_new_claims_get_nothing_of_the_pool_unless_they_tolerate_it(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"][DRIVER]
    expect_untouched(cluster, inventory)
    wish = {"deviceClassName": DRIVER}
    key = f"{variant['ops']}.example/maintenance"

    given = is_given(cluster, claim_of(wish), node=POOL)
    expect(
        not given,
        f"A new claim still gets a device of the pool {POOL}",
        expected="nothing",
        found=", ".join(sorted(given)),
        hint="kubectl get devicetaintrules --output yaml: which devices does each select?",
    )
    tolerant = {**wish, "tolerations": [tolerating(key, "NoSchedule")]}
    given = is_given(cluster, claim_of(tolerant), node=POOL)
    expect(
        given,
        f"A claim that tolerates {key} gets nothing of the pool {POOL} either",
        expected="a device",
        found="nothing",
        hint="Is the taint of this key and this effect, is it the only one, is a device free?",
    )
    given = is_given(cluster, claim_of(wish), node=OTHER)
    expect(
        given,
        f"A new claim gets nothing of the pool {OTHER}",
        expected="a device: only one pool is to be maintained",
        found="nothing",
        hint="kubectl get devicetaintrules --output yaml: which devices does each select?",
    )
