"""Checks of the lab "A lab for real devices"."""

from graders import ClusterView, check


@check("see-a-device")
def test_there_is_a_device(cluster: ClusterView) -> None:
    assert cluster.list("ResourceSlice")
