"""Task: find out from an audit trail who did it."""

from graders import ClusterView, Variant, check, expect

HINT = "Look at verb, objectRef and responseStatus of each line; only then at who it was."


@check("read-the-trail")
def test_the_report_names_who_did_it_in_what_disguise_and_by_whose_leave(
    cluster: ClusterView, variant: Variant
) -> None:
    report = cluster.get("ConfigMap", "incident", variant["records"]).get("data") or {}
    culprit, granter = variant["people"][:2]
    for key, answer, meaning in (
        ("user", culprit, "the person whose credential it was"),
        (
            "impersonated",
            f"system:serviceaccount:kube-system:{variant['disguise']}",
            "the user that this person pretended to be",
        ),
        ("granted-by", granter, "the person who made that possible"),
    ):
        reported = str(report.get(key, "")).strip()
        expect(
            reported == answer,
            f"The value of {key!r} in ConfigMap incident is not right"
            if reported
            else f"The ConfigMap incident has no {key!r}",
            expected=meaning,
            found=reported or "nothing",
            hint=HINT,
        )
