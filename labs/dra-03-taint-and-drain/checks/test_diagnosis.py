"""Task: run a diagnosis on a GPU in quarantine."""

from collections.abc import Mapping
from typing import Any

from taints import tolerations_in

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched, placement_of

DRIVER = "sxm.assay.dev"
KEY = "sxm.assay.dev/quarantine"


@check("diagnose-the-device")
def test_the_diagnosis_runs_on_the_device_in_quarantine(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"][DRIVER]
    expect_untouched(cluster, inventory)
    patient = f"{DRIVER}/gpu-node-g/{variant['quarantined']}"
    doctor = placement_of(cluster, variant["doctor"], variant["team"], inventory)
    expect(
        doctor.all_devices == {patient},
        f"The Pod {variant['doctor']} does not use the GPU in quarantine",
        expected="the GPU in quarantine and nothing else",
        found=", ".join(sorted(doctor.all_devices)),
        hint="Every device has an attribute `uuid`, which a selector can ask for.",
    )
    found = [one for claim in _claims(cluster, doctor.pod) for one in tolerations_in(claim["spec"])]
    expect(
        found and all(one.get("key") == KEY and "tolerationSeconds" not in one for one in found),
        f"The Pod {variant['doctor']} tolerates something else than it should",
        expected=f"{KEY}, for as long as it takes, and no other taint",
        found=", ".join(str(one) for one in found) or "nothing",
        hint="kubectl explain resourceclaim.spec.devices.requests.exactly.tolerations",
    )


def _claims(cluster: ClusterView, pod: Mapping[str, Any]) -> list[dict[str, Any]]:
    namespace = pod["metadata"]["namespace"]
    made = {
        s["name"]: s["resourceClaimName"] for s in pod["status"].get("resourceClaimStatuses", ())
    }
    return [
        cluster.get("ResourceClaim", e.get("resourceClaimName") or made[e["name"]], namespace)
        for e in pod["spec"]["resourceClaims"]
    ]
