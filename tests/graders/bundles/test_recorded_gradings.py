"""Real gradings of a real cluster: what they keep, and what they must not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from clusters.provider import Cluster
from graders.bundles.bundle import read_bundle
from graders.bundles.held import HeldEvidence
from graders.bundles.store import EvidenceStore
from graders.kubeconfig import read_access
from graders.lab import Lab
from graders.report import Outcome, Report
from graders.runner import GradingJob, grade

pytestmark = pytest.mark.cluster

PASSWORD = "correct horse battery staple"
CHECKS = """
from graders import ClusterView, check, expect


@check("look")
def test_look(cluster: ClusterView) -> None:
    node = cluster.list("Node")[0]["metadata"]["name"]
    expect(cluster.get("Node", node)["metadata"]["uid"], "no uid")
    cluster.audit(resource="nodes", verb="create")


@check("probe")
def test_probe(cluster: ClusterView) -> None:
    with cluster.create_probe(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "default"}}
    ) as probe:
        expect(probe.read()["metadata"]["name"] == probe.name, "not mine")
    cluster.wait_until(lambda: cluster.find("ConfigMap", "nix", "default"), 0.3, "no nix")


@check("secret")
def test_secret(cluster: ClusterView) -> None:
    names = [s["metadata"]["name"] for s in cluster.list("Secret", "default")]
    secret = cluster.get("Secret", "hidden", "default")
    expect("hidden" in names and "password" in secret["data"], "no password")
    cluster.get("ConfigMap", "copy", "default")


@check("end")
def test_end(cluster: ClusterView) -> None:
    cluster.get("Namespace", "default")
    while True:
        pass


@check("nothing")
def test_nothing() -> None:
    pass
"""
MANIFESTS = [
    {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "hidden", "namespace": "default"},
        "stringData": {"password": PASSWORD, "pin": "1234"},
    },
    {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "copy", "namespace": "default"},
        "data": {"note": f"it is {PASSWORD}!", "plain": "seen"},
    },
]


class Graded(NamedTuple):
    report: Report
    text: bytes

    @property
    def bundle(self) -> dict[str, Any]:
        return read_bundle(self.text)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> EvidenceStore:
    return EvidenceStore(tmp_path_factory.mktemp("evidence"))


@pytest.fixture(scope="module")
def graded(
    graded_cluster: Cluster,
    store: EvidenceStore,
    write_lab: Callable[..., Lab],
    make_job: Callable[..., GradingJob],
    learner_kubectl: Callable[[Cluster], Callable[..., str]],
) -> Iterator[Graded]:
    kubectl = learner_kubectl(graded_cluster)
    kubectl("apply", manifest=MANIFESTS)
    lab = write_lab(CHECKS, look=10, probe=10, secret=10, end=1, nothing=5)
    held = HeldEvidence()
    report = grade(make_job(lab, evidence=held, baseline={"n": {"b": 1, "a": 2}}))
    assert held.keep(report.evidence, store)
    yield Graded(report, store.get(report.evidence))
    kubectl("delete", manifest=MANIFESTS)


def test_the_report_names_evidence_of_every_check_that_ended(graded: Graded) -> None:
    report, bundle = graded.report, graded.bundle
    outcomes = {r.task: r.outcome for r in report.results}
    assert outcomes == {
        "look": Outcome.PASSED,
        "probe": Outcome.FAILED,
        "secret": Outcome.PASSED,
        "end": Outcome.ERROR,
        "nothing": Outcome.PASSED,
    }, report.results

    assert bundle["report"] == report.id
    assert (bundle["seed"], bundle["values"], bundle["learner"]) == (7, {"count": 3}, "ada")
    assert list(bundle["baseline"]["n"]) == ["b", "a"], "the order is as the lab recorded it"
    assert bundle["cluster_uid"] == report.cluster_uid
    assert bundle["versions"] == dict(report.versions)
    assert {t: task["outcome"] for t, task in bundle["tasks"].items()} == outcomes


def test_objects_are_kept_with_their_identities(graded: Graded) -> None:
    look = graded.bundle["tasks"]["look"]["recording"]
    objects = graded.bundle["objects"]
    asked = {request["path"] for request in look["requests"]}
    nodes = [objects[ref] for r in look["requests"] if "items" in r for ref in r["items"]]

    assert any(path.startswith("/api/v1/nodes/") for path in asked)
    assert all(node["metadata"]["uid"] and node["metadata"]["resourceVersion"] for node in nodes)
    assert [objects[ref]["verb"] for step in look["log"] for ref in step.get("events", ())]
    kept = {ref for task in graded.bundle["tasks"].values() for ref in refs(task["recording"])}
    assert kept == set(objects), "nothing is kept that nobody was told, and nothing is missing"


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, str) and len(value) == 32:
        yield value
    for item in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from refs(item)


def test_no_secret_and_no_credential_leaves_the_worker(
    graded: Graded, graded_cluster: Cluster
) -> None:
    text = graded.text.decode()
    access = read_access(graded_cluster.grader_kubeconfig)

    assert '"plain":"seen"' in text, "the rest of the ConfigMap is kept"
    for secret in (PASSWORD, "1234"):
        assert secret not in text or secret == "1234"
        assert base64.b64encode(secret.encode()).decode() not in text
    assert access.key.strip() not in text
    assert "PRIVATE KEY" not in text
    assert PASSWORD not in json.dumps(graded.report.to_json())


def test_without_a_holder_nothing_is_recorded(
    write_lab: Callable[..., Lab], make_job: Callable[..., GradingJob]
) -> None:
    report = grade(make_job(write_lab(CHECKS, look=10), tasks=("look",)))

    assert (report.results[0].outcome, report.evidence) == (Outcome.PASSED, "")
