"""Task: report which GPU fails and whom it concerns."""

from collections.abc import Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched


@check("report-the-failure")
def test_the_report_names_the_failing_device_and_the_pod_that_had_it(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    expect_untouched(cluster, baseline["inventories"]["gpu.assay.dev"])
    report = cluster.get("ConfigMap", "incident", variant["team"]).get("data") or {}

    failing = f"gpu-node-a/{variant['failing']}"
    [pod] = [p for p, at in baseline["chat"].items() if at["device"].endswith(f"/{failing}")]
    for key, answer, meaning, hint in (
        (
            "device",
            failing,
            "pool/device of the GPU that reports uncorrected errors",
            "kubectl get resourceslices --output yaml: which taints do the devices have?",
        ),
        (
            "pod",
            f"{variant['serving']}/{pod}",
            "namespace/name of the Pod that used it at the start",
            "Whose ResourceClaim holds the device, and for whom is it reserved?",
        ),
    ):
        reported = str(report.get(key, "")).strip()
        expect(
            reported == answer,
            f"The value of {key!r} in ConfigMap incident is not right"
            if reported
            else f"The ConfigMap incident has no {key!r}",
            expected=meaning,
            found=reported or "nothing",
            hint=hint,
        )
