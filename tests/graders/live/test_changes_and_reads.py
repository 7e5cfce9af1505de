"""What counts as a change, and which checks it concerns."""

from __future__ import annotations

from typing import Any

import pytest

from graders.audit import AuditEvent
from graders.live.changes import GRADER, Change, Probes, changes_in
from graders.live.reads import kinds_of, reads_of


def event(verb: str = "create", actor: str = "learner", **changes: Any) -> AuditEvent:
    fields: dict[str, Any] = {
        "id": "1",
        "time": "",
        "actor": actor,
        "impersonates": "",
        "verb": verb,
        "group": "",
        "resource": "pods",
        "subresource": "",
        "namespace": "team",
        "name": "trainer",
        "uid": "",
        "code": 200,
    }
    return AuditEvent(**{**fields, **changes})


def found(*events: AuditEvent, probes: Probes | None = None) -> list[Change]:
    return list(changes_in(events, probes or Probes()))


def test_writes_that_succeeded_are_changes() -> None:
    assert found(event()) == [Change("pods", "team", "trainer", by_person=True)]
    assert found(event(actor="system:kube-scheduler")) == [Change("pods", "team", "trainer", False)]
    assert found(event(verb="get"), event(code=409), event(resource="")) == []


def test_the_probes_of_the_grader_and_what_is_made_for_them_are_none() -> None:
    probes = Probes()

    assert not found(event(actor=GRADER, name="qzwxecrvtbyn"), probes=probes)
    assert not found(
        event(actor="system:kube-scheduler", name="qzwxecrvtbyn", subresource="binding"),
        event(resource="resourceclaims", name="qzwxecrvtbyn-devices-abcde"),
        event(actor=GRADER, name="qzwxecrvtbyn", verb="delete"),
        event(actor="system:node", name="qzwxecrvtbyn", verb="delete"),
        probes=probes,
    )
    assert found(event(name="qzwx"), probes=probes)


def test_whoever_pretends_to_be_the_grader_hides_nothing() -> None:
    assert found(event(impersonates=GRADER))


def test_only_so_many_probes_are_remembered() -> None:
    probes = Probes()
    for number in range(5_000):
        probes.add(f"probe{number}")

    assert probes.own("probe4999-claim")
    assert not probes.own("probe0")


READS = reads_of(
    [
        {"kind": "Deployment", "namespace": "team", "name": "chat", "uid": "1"},
        {"kind": "Pod", "namespace": "team", "name": "absent", "uid": "", "missing": True},
        {"kind": "ResourceClaimList", "namespace": "team", "count": 0, "resourceVersion": "1"},
        {"kind": "NodeList", "namespace": "", "count": 3, "resourceVersion": "1"},
        {"kind": "AuditEvent", "id": "1", "namespace": "team", "name": "other", "resource": "pods"},
    ]
)


@pytest.mark.parametrize(
    ("resource", "namespace", "name", "concerned"),
    [
        ("deployments", "team", "chat", True),
        ("deployments", "team", "other", False),
        ("deployments", "elsewhere", "chat", False),
        ("deployments", "team", "", True),
        ("pods", "team", "absent", True),
        ("pods", "team", "other", False),
        ("resourceclaims", "team", "anything", True),
        ("resourceclaims", "elsewhere", "anything", False),
        ("resourceclaimtemplates", "team", "anything", False),
        ("nodes", "", "gpu-node-a", True),
    ],
)
def test_a_check_is_concerned_by_what_it_read_listed_or_missed(
    resource: str, namespace: str, name: str, concerned: bool
) -> None:
    assert READS.concern(Change(resource, namespace, name, by_person=True)) is concerned


def test_a_list_of_all_namespaces_is_concerned_by_each() -> None:
    everywhere = reads_of([{"kind": "PodList", "namespace": "", "count": 0}])

    assert everywhere.concern(Change("pods", "anywhere", "any", by_person=True))


def test_evidence_that_was_cut_may_hide_anything() -> None:
    cut = reads_of([{"kind": "More", "count": 7}])

    assert cut.concern(Change("secrets", "x", "y", by_person=True))


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ("pods", "pod"),
        ("networkpolicies", "networkpolicy"),
        ("ingresses", "ingress"),
        ("deviceclasses", "deviceclass"),
        ("endpoints", "endpoints"),
        ("resourceslices", "resourceslice"),
    ],
)
def test_a_kind_is_known_by_its_plural(resource: str, kind: str) -> None:
    assert kind in kinds_of(resource)
