"""Task: give a training run time to save its work."""

from collections.abc import Mapping
from typing import Any

from taints import tolerations_in

from graders import ClusterView, Variant, check, expect
from graders.dra import UnseenDevice, expect_admits, expect_untouched, placement_of


@check("grant-a-grace")
def test_the_template_tolerates_maintenance_for_a_while(
    cluster: ClusterView, variant: Variant, baseline: Mapping[str, Any]
) -> None:
    inventory = baseline["inventories"]["sxm.assay.dev"]
    expect_untouched(cluster, inventory)
    name, team = variant["trainer"], variant["team"]
    trainer = placement_of(cluster, name, team, inventory)
    entries = trainer.pod["spec"].get("resourceClaims") or []
    expect(
        [entry.get("resourceClaimTemplateName") for entry in entries] == [name],
        f"The Pod {name} does not use the template {name}",
        expected=f"one claim, made from ResourceClaimTemplate {name}",
        found=", ".join(str(entry) for entry in entries) or "no claim",
        hint="kubectl explain pod.spec.resourceClaims",
    )
    template = cluster.get("ResourceClaimTemplate", name, team)
    seconds = [one.get("tolerationSeconds") for one in tolerations_in(template["spec"]["spec"])]
    expect(
        seconds and set(seconds) == {variant["grace"]},
        f"The template {name} does not tolerate for as long as it should",
        expected=f"{variant['grace']} s",
        found=", ".join("for ever" if s is None else f"{s} s" for s in seconds) or "not at all",
        hint="kubectl explain resourceclaim.spec.devices.requests.exactly.tolerations",
    )

    key = f"{variant['ops']}.example/maintenance"
    expect_admits(
        cluster,
        inventory,
        template,
        good=[
            _tainted("a device under maintenance", key, "today", "NoExecute"),
            _tainted("a device under maintenance for another reason", key, "fan", "NoExecute"),
            UnseenDevice("a device without taints", "24Gi"),
        ],
        bad=[
            _tainted("a device that fails", f"{variant['ops']}.example/failing", "", "NoExecute"),
            _tainted("a device that is cordoned", key, "today", "NoSchedule"),
        ],
        rule=f"no taint but {key} of effect NoExecute",
    )


def _tainted(name: str, key: str, value: str, effect: str) -> UnseenDevice:
    taint = (
        {"key": key, "value": value, "effect": effect} if value else {"key": key, "effect": effect}
    )
    return UnseenDevice(name, "24Gi", more={"taints": [taint]})
