"""The check that is measured: the same three questions as in the script beside it."""

from graders import ClusterView, check, expect


@check("look")
def test_three_objects_are_there(cluster: ClusterView) -> None:
    node = cluster.get("Node", "gpu-node-1")
    expect(node["status"]["allocatable"]["cpu"], "The node offers no CPU")
    classes = cluster.list("DeviceClass")
    expect(classes, "There is no DeviceClass")
    config = cluster.get("ConfigMap", "kube-root-ca.crt", "default")
    expect(config["data"]["ca.crt"], "The ConfigMap has no certificate")
