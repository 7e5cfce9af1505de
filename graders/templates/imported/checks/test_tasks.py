"""One check for each task of lab.yaml. They look at the cluster from outside."""

from graders import ClusterView, Variant, check, expect


@check("say-hello")
def test_there_is_a_note(cluster: ClusterView, variant: Variant) -> None:
    note = cluster.get("ConfigMap", variant["greeting"], namespace=variant["space"])

    expect(
        bool(note.get("data")),
        "The note is empty",
        expected="at least one key with a text",
        found="a ConfigMap without data",
        hint=f"kubectl create configmap {variant['greeting']} --help shows --from-literal",
    )
