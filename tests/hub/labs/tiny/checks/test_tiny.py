"""Checks of the lab "A tiny lab"."""

from graders import ClusterView, Variant, check


@check("write-a-note")
def test_the_note_is_there(cluster: ClusterView, variant: Variant) -> None:
    cluster.get("ConfigMap", variant["word"], namespace="default")


@check("wait-for-ever")
def test_nothing_comes(cluster: ClusterView) -> None:
    cluster.wait_until(
        lambda: cluster.find("ConfigMap", "never", namespace="default"), 50, "Nothing came"
    )
