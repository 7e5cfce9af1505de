"""Who allocated a claim and who bound a Pod, on a real cluster whose learner pretends."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clusters.provider import Cluster
from graders import provenance
from graders.api import ApiServer
from graders.audit import AuditLog
from graders.checks import CheckFailed
from graders.errors import AuditIncomplete
from graders.view import ClusterView

pytestmark = pytest.mark.cluster

Kubectl = Callable[..., str]
SCHEDULER = "system:kube-scheduler"


def claim(name: str, namespace: str) -> dict[str, Any]:
    request = {"name": "gpu", "exactly": {"deviceClassName": "gpu.assay.dev"}}
    return {
        "apiVersion": "resource.k8s.io/v1",
        "kind": "ResourceClaim",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"devices": {"requests": [request]}},
    }


def pod(name: str, namespace: str, claim_name: str = "", **spec: Any) -> dict[str, Any]:
    container = {"name": "main", "image": "registry.example/none"}
    claims = [{"name": "gpu", "resourceClaimName": claim_name}] if claim_name else []
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {"containers": [container], "resourceClaims": claims, **spec},
    }


def allocation(device: str) -> str:
    result = {"request": "gpu", "driver": "gpu.assay.dev", "pool": "gpu-node-0", "device": device}
    return json.dumps({"status": {"allocation": {"devices": {"results": [result]}}}})


@pytest.fixture
def write_status(kubectl: Kubectl, namespace: str) -> Callable[..., None]:
    """Write the status of the claim `gpu`, as the learner."""

    def write(patch: str, *disguise: str) -> None:
        place = ("resourceclaim", "gpu", f"--namespace={namespace}", "--subresource=status")
        kubectl("patch", *place, "--type=merge", f"--patch={patch}", *disguise)

    return write


@pytest.fixture
def running(view: ClusterView, kubectl: Kubectl, namespace: str) -> Callable[[], None]:
    def start() -> None:
        kubectl("create", manifest=[claim("gpu", namespace), pod("trainer", namespace, "gpu")])
        view.wait_until(
            lambda: view.get("Pod", "trainer", namespace)["status"]["phase"] == "Running", 20, "no"
        )

    return start


def test_what_the_scheduler_did_is_the_schedulers(
    view: ClusterView, running: Callable[[], None], namespace: str
) -> None:
    running()

    allocated = view.allocated_by(view.get("ResourceClaim", "gpu", namespace))
    bound = view.bound_by(view.get("Pod", "trainer", namespace))

    assert (allocated.actor, allocated.impersonates) == (SCHEDULER, "")
    assert (bound.actor, bound.impersonates) == (SCHEDULER, "")
    kinds = [entry["kind"] for entry in view.evidence.entries()]
    assert kinds.count("AuditEvent") == 2


def test_a_claim_that_nobody_allocated_is_the_learners(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    kubectl(
        "create",
        manifest=[claim("gpu", namespace), pod("trainer", namespace, nodeSelector={"no": "where"})],
    )

    with pytest.raises(CheckFailed, match=r"The ResourceClaim .*/gpu is not allocated"):
        view.allocated_by(view.get("ResourceClaim", "gpu", namespace))
    with pytest.raises(CheckFailed, match=r"The Pod .*/trainer has no node"):
        view.bound_by(view.get("Pod", "trainer", namespace))


@pytest.mark.parametrize("disguise", [(), (f"--as={SCHEDULER}", "--as-group=system:masters")])
def test_an_allocation_that_the_learner_wrote_is_the_learners(
    view: ClusterView,
    kubectl: Kubectl,
    write_status: Callable[..., None],
    namespace: str,
    disguise: tuple[str, ...],
) -> None:
    kubectl("create", manifest=claim("gpu", namespace))
    write_status(allocation("gpu-0"), *disguise)

    event = view.allocated_by(view.get("ResourceClaim", "gpu", namespace))

    assert event.actor == "learner"
    assert event.impersonates == (SCHEDULER if disguise else "")


def test_an_allocation_that_the_learner_changed_is_the_learners(
    view: ClusterView,
    running: Callable[[], None],
    write_status: Callable[..., None],
    namespace: str,
) -> None:
    running()
    write_status('{"status": {"allocation": null, "reservedFor": null}}')
    write_status(allocation("gpu-7"))

    current = view.get("ResourceClaim", "gpu", namespace)
    event = view.allocated_by(current)

    assert event.actor == "learner"
    assert event.response["status"]["allocation"] == current["status"]["allocation"]


def test_a_claim_made_again_under_the_same_name_is_another_one(
    view: ClusterView,
    kubectl: Kubectl,
    running: Callable[[], None],
    write_status: Callable[..., None],
    namespace: str,
) -> None:
    running()
    kubectl("delete", "pod", "trainer", f"--namespace={namespace}", "--grace-period=0", "--force")
    kubectl("delete", "resourceclaim", "gpu", f"--namespace={namespace}")
    kubectl("create", manifest=claim("gpu", namespace))
    write_status(allocation("gpu-0"))

    event = view.allocated_by(view.get("ResourceClaim", "gpu", namespace))

    assert event.actor == "learner"


def test_a_node_that_the_learner_named_is_the_learners(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", manifest=pod("trainer", namespace, nodeName="gpu-node-0"))

    assert view.bound_by(view.get("Pod", "trainer", namespace)).actor == "learner"


@pytest.mark.parametrize("with_uid", [True, False])
def test_a_binding_that_the_learner_made_is_the_learners(
    view: ClusterView,
    kubectl: Kubectl,
    graded_cluster: Cluster,
    namespace: str,
    with_uid: bool,
) -> None:
    kubectl("create", manifest=pod("trainer", namespace, schedulerName="nobody"))
    uid = view.get("Pod", "trainer", namespace)["metadata"]["uid"]
    binding = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {
            "name": "trainer",
            "namespace": namespace,
            **({"uid": uid} if with_uid else {}),
        },
        "target": {"apiVersion": "v1", "kind": "Node", "name": "gpu-node-0"},
    }

    with ApiServer.from_file(graded_cluster.kubeconfig) as learner:
        learner.post(f"/api/v1/namespaces/{namespace}/pods/trainer/binding", binding)

    assert view.bound_by(view.get("Pod", "trainer", namespace)).actor == "learner"


def test_what_the_log_does_not_say_is_our_error(
    view: ClusterView, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provenance, "WAIT_SECONDS", 0)
    unknown = pod(secrets.token_hex(4), namespace, nodeName="gpu-node-0")
    unknown["metadata"]["uid"] = "no-such-uid"

    with pytest.raises(AuditIncomplete, match="does not say who bound Pod"):
        view.bound_by(unknown)


def test_a_log_that_the_learner_made_lose_its_beginning_is_our_error(
    graded_cluster: Cluster, tmp_path: Path
) -> None:
    later = tmp_path / "audit.log"
    event = {"stage": "ResponseComplete", "requestReceivedTimestamp": "2100-01-01T00:00:00.0Z"}
    later.write_text(json.dumps(event) + "\n")

    with ApiServer.from_file(graded_cluster.grader_kubeconfig) as api:
        with pytest.raises(AuditIncomplete, match="has lost its beginning"):
            ClusterView(api, later).audit()


def test_a_claim_whose_creation_is_lost_was_allocated_by_nobody_knows(
    view: ClusterView,
    running: Callable[[], None],
    write_status: Callable[..., None],
    graded_cluster: Cluster,
    namespace: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(provenance, "WAIT_SECONDS", 0)
    running()
    claim = view.get("ResourceClaim", "gpu", namespace)
    assert view.allocated_by(claim).actor == SCHEDULER
    lines = graded_cluster.audit_log.read_text().splitlines(keepends=True)
    kept = [text for text in lines if f'"{namespace}","name":"gpu","uid"' in text]
    (tmp_path / "audit.log").write_text("".join(kept))

    with pytest.raises(AuditIncomplete, match="does not say who allocated"):
        provenance.allocation_of(claim, AuditLog(tmp_path / "audit.log"))
    assert kept


def test_the_log_of_a_cluster_tells_what_the_learner_did(
    view: ClusterView, kubectl: Kubectl, namespace: str
) -> None:
    kubectl("create", manifest=pod("trainer", namespace))
    kubectl(
        "label",
        "pod",
        "trainer",
        "tier=gold",
        f"--namespace={namespace}",
        f"--as={SCHEDULER}",
        "--as-group=system:masters",
    )

    def labelled() -> list[Any]:
        return view.audit("patch", "pods", "", namespace, "trainer", actor="learner")

    (event,) = view.wait_until(labelled, 5, "The audit log lacks the label")

    assert event.impersonates == SCHEDULER
    assert event.uid == view.get("Pod", "trainer", namespace)["metadata"]["uid"]
    assert event.request["metadata"]["labels"] == {"tier": "gold"}
    assert view.audit("patch", "pods", namespace=namespace, actor=SCHEDULER, subresource="") == []


def test_a_cluster_without_an_audit_log_is_our_error(graded_cluster: Cluster) -> None:
    with ApiServer.from_file(graded_cluster.grader_kubeconfig) as api:
        with pytest.raises(AuditIncomplete, match="has no audit log"):
            ClusterView(api).audit()
