"""Why the scheduler does not decide is said with a name, by the rights, the log and the rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from graders.audit import AuditEvent
from graders.dra.hindrance import SCHEDULER, hindrance, is_overlooked
from graders.view import ClusterView

MADE = "2026-01-01T00:00:00Z"
LATER = "2026-01-01T00:00:01.000000Z"


@dataclass
class FakeView:
    """Answers what a real ClusterView would, from lists."""

    events: list[AuditEvent] = field(default_factory=list)
    lacking: Collection[str] = ()
    rules: list[str] = field(default_factory=list)

    def can_i(self, verb: str, resource: str, *, user: str) -> bool:
        assert user == SCHEDULER
        return f"{verb} {resource}" not in self.lacking

    def list(self, kind: str) -> list[dict[str, Any]]:
        return [{"metadata": {"name": name}} for name in self.rules]

    def audit(
        self,
        resource: str | None = None,
        namespace: str | None = None,
        name: str | None = None,
        actor: str | None = None,
        succeeded: bool = True,
    ) -> Sequence[AuditEvent]:
        return [
            event
            for event in self.events
            if event.succeeded == succeeded
            and actor in (None, event.actor)
            and (resource, namespace, name)
            in ((None, None, None), (event.resource, event.namespace, event.name))
        ]


def event(
    actor: str, verb: str, what: str, code: int = 200, message: str = "", impersonates: str = ""
) -> AuditEvent:
    resource, _, subresource = what.partition("/")
    return AuditEvent(
        id="1",
        time=LATER,
        actor=actor,
        impersonates=impersonates,
        verb=verb,
        group="",
        resource=resource,
        subresource=subresource,
        namespace="default",
        name="probe",
        uid="u",
        code=code,
        response={"message": message},
    )


def pod(words: str = "", **spec: Any) -> dict[str, Any]:
    conditions = [{"type": "PodScheduled", "message": words}] if words else []
    metadata = {"name": "probe", "namespace": "default", "creationTimestamp": MADE}
    return {"metadata": metadata, "spec": spec, "status": {"conditions": conditions}}


def said(view: FakeView, about: dict[str, Any] | None = None) -> str:
    return hindrance(cast(ClusterView, view), about or pod())


def test_nothing_known_is_said_so() -> None:
    assert said(FakeView()) == "it does not say why"


def test_rights_that_were_taken_are_named() -> None:
    assert "may not list pods" in said(FakeView(lacking=["list pods"]))


def test_who_refuses_what_the_scheduler_writes_is_named() -> None:
    message = "ValidatingAdmissionPolicy 'no' with binding 'no' denied request: never"
    refused = event(SCHEDULER, "create", "pods/binding", 422, message)

    sentence = said(FakeView([refused]))

    assert "refuses the scheduler to create pods/binding" in sentence
    assert "never" in sentence


def test_flow_control_is_named() -> None:
    assert "FlowSchema" in said(FakeView([event(SCHEDULER, "list", "pods", 429)]))


@pytest.mark.parametrize("code", [404, 409])
def test_being_overtaken_is_no_refusal(code: int) -> None:
    lost = event(SCHEDULER, "create", "pods/binding", code)

    assert said(FakeView([lost])) == "it does not say why"


@pytest.mark.parametrize("what", ["pods/binding", "pods/status"])
def test_who_did_the_schedulers_work_is_named(what: str) -> None:
    sentence = said(FakeView([event("learner", "create", what)]))

    assert sentence == f"somebody wrote into the probe meanwhile: learner did create {what}"


@pytest.mark.parametrize("actor", [SCHEDULER, "assay:kwok", "system:node:kind-worker"])
def test_who_may_write_it_is_nobody_else(actor: str) -> None:
    assert said(FakeView([event(actor, "patch", "pods/status")])) == "it does not say why"


def test_whoever_only_pretends_to_be_one_of_them_is_named() -> None:
    pretended = event("learner", "patch", "pods/status", impersonates=SCHEDULER)

    assert "learner did patch pods/status" in said(FakeView([pretended]))


def test_taint_rules_and_the_schedulers_own_words_are_added() -> None:
    sentence = said(FakeView(rules=["drain"]), pod("0/1 nodes are available"))

    assert "DeviceTaintRule drain" in sentence
    assert sentence.endswith("the scheduler says: 0/1 nodes are available")


def test_a_pod_is_overlooked_only_while_the_scheduler_owes_an_answer() -> None:
    assert is_overlooked(pod())
    assert not is_overlooked(pod("no room"))
    assert not is_overlooked(pod(nodeName="n"))
    assert not is_overlooked(pod(schedulerName="mine"))
    assert not is_overlooked(pod(schedulingGates=[{"name": "g"}]))
