"""Task: enforce a policy on claims."""

from asking import claim, expect_accepted, expect_open, expect_refused, template, wish

from graders import ClusterView, Variant, check

POLICY = "ValidatingAdmissionPolicy"
HINT = "kubectl get validatingadmissionpolicies,validatingadmissionpolicybindings --output yaml"
TAKES_EFFECT_SECONDS = 5


@check("enforce-a-policy")
def test_claims_of_tenants_are_accounted_for_and_modest(
    cluster: ClusterView, variant: Variant
) -> None:
    most = variant["claim_limit"]
    green, lime = variant["green"], variant["lime"]
    expect_open(cluster, variant, variant["red"])
    unlabelled = claim(green, variant, wish(), label=False)
    cluster.wait_until(
        lambda: not cluster.dry_run(unlabelled).accepted,
        TAKES_EFFECT_SECONDS,
        f"A claim without cost centre is accepted in {green}",
        expected=f"refused by a {POLICY}",
        found=lambda: "accepted",
        hint=HINT,
    )
    many = wish(most + 1)
    every = {"deviceClassName": "gpu.assay.dev", "allocationMode": "All"}
    for space in (green, lime):
        for asked, what in (
            ([wish(most)], f"A claim for {most} devices"),
            ([wish(most - 1), wish()], f"A claim for {most - 1} devices and one more"),
            ([[wish(most), wish()]], f"A claim for {most} devices or else one"),
            ([[wish(), wish(most)]], f"A claim for one device or else {most}"),
        ):
            good = claim(space, variant, *asked)
            expect_accepted(cluster, good, f"{what} in {space}", HINT, unless=POLICY)
            what = f"{what} by a template in {space}"
            expect_accepted(cluster, template(good), what, HINT, unless=POLICY)
        bad = [
            (claim(space, variant, wish(), label=False), "A claim without cost centre"),
            (claim(space, variant, many), f"A claim for {most + 1} devices"),
            (claim(space, variant, wish(most), wish()), f"A claim for {most} devices and one more"),
            (claim(space, variant, [wish(), many]), f"A claim for one device or else {most + 1}"),
            (
                claim(space, variant, [wish(most), wish()], wish()),
                f"A claim for {most} devices or else one, and one more",
            ),
            (claim(space, variant, every), "A claim for all devices"),
        ]
        for manifest, what in bad:
            expect_refused(cluster, manifest, f"{what} in {space}", POLICY, HINT)
            what = f"{what} by a template in {space}"
            expect_refused(cluster, template(manifest), what, POLICY, HINT)
    free = claim(variant["red"], variant, many, label=False)
    expect_accepted(
        cluster, free, f"A claim in {variant['red']}, which is no tenant,", HINT, unless=POLICY
    )
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": green},
        "spec": {"containers": [{"name": "main", "image": "registry.k8s.io/pause:3.10"}]},
    }
    expect_accepted(cluster, pod, f"A Pod in {green}", HINT, unless=POLICY)
