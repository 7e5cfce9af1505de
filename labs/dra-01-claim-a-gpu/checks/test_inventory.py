"""Task: report what the nodes carry."""

from collections.abc import Mapping
from typing import Any

from graders import ClusterView, Variant, check, expect
from graders.dra import expect_untouched

WHERE = "kubectl get resourceslices --output yaml: "


@check("report-inventory")
def test_the_config_map_says_what_the_nodes_carry(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    expect_untouched(cluster, baseline["inventory"])
    report = cluster.get("ConfigMap", "inventory", variant["team"]).get("data") or {}

    gpus = (
        variant["small_count"]
        + variant["halved_count"]
        + variant["large_count"]
        + variant["other_count"]
    )
    for key, answer, meaning, hint in (
        ("gpus", gpus, "the number of GPUs", "count spec.devices of one driver's slices"),
        ("largest-model", variant["large_model"], "a model", "compare capacity.memory"),
        ("largest-count", variant["large_count"], "a number", "count devices by their memory"),
        ("outdated-node", variant["outdated_node"], "a node", "compare attributes.driverVersion"),
        ("outdated-driver", variant["outdated_driver"], "a version", "attributes.driverVersion"),
    ):
        reported = str(report.get(key, "")).strip()
        expect(
            reported == str(answer),
            f"The value of {key!r} in ConfigMap inventory is not right"
            if reported
            else f"The ConfigMap inventory has no {key!r}",
            expected=f"{meaning}, as driver gpu.assay.dev publishes it",
            found=reported or "nothing",
            hint=WHERE + hint,
        )
