"""Six checks, each of which asks the cluster in another way."""

from graders import ClusterView, check, expect

SPACE = "bench"


@check("read")
def test_objects_are_read(cluster: ClusterView) -> None:
    node = cluster.get("Node", "gpu-node-1")
    expect(node["status"]["allocatable"]["cpu"], "The node offers no CPU")
    expect(cluster.get("Deployment", "web", SPACE)["spec"]["replicas"] == 2, "There are no two")


@check("count")
def test_lists_are_counted(cluster: ClusterView) -> None:
    expect(len(cluster.list("Node")) == 2, "There are no two nodes")
    expect(cluster.list("ResourceSlice"), "There are no slices")


@check("allow")
def test_permissions_are_asked_for(cluster: ClusterView) -> None:
    who = f"{SPACE}/default"
    expect(not cluster.can_i("delete", "nodes", service_account=who), "It may delete nodes")
    expect(not cluster.can_i("get", "secrets", SPACE, service_account=who), "It may read secrets")


@check("refuse")
def test_a_dry_run_is_refused(cluster: ClusterView) -> None:
    container = {"name": "main", "image": "bench", "securityContext": {"privileged": True}}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": SPACE},
        "spec": {"containers": [container]},
    }
    expect(not cluster.dry_run(pod).accepted, "A privileged Pod is let in")


@check("probe")
def test_a_probe_is_made_and_removed(cluster: ClusterView) -> None:
    manifest = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": SPACE}}
    with cluster.create_probe(manifest) as probe:
        expect(probe.read()["metadata"]["uid"], "It has no uid")


@check("history")
def test_the_audit_log_is_read(cluster: ClusterView) -> None:
    made = cluster.audit(verb="create", resource="deployments", namespace=SPACE, name="web")
    expect(made, "Nobody made the Deployment")
