"""Whoever touches what a claim was to be given, while the grader looks, is named."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from graders.audit import AuditEvent
from graders.dra.undisturbed import SIMULATOR, classes_of, expect_undisturbed
from graders.errors import AuditIncomplete, ProbeRefused
from graders.probes import Probe
from graders.view import ClusterView

ROOM = {"cpu": "16"}
NODE = {"kind": "Node", "metadata": {"name": "n", "uid": "un"}, "status": {"allocatable": ROOM}}
SLICE = {"metadata": {"name": "s", "uid": "us"}, "spec": {"pool": {"name": "n"}}}


@dataclass
class FakeView:
    """An audit log of a few events."""

    events: list[AuditEvent] = field(default_factory=list)

    def audit(
        self,
        verb: str | None = None,
        resource: str | None = None,
        subresource: str | None = None,
        *,
        name: str | None = None,
        uid: str | None = None,
    ) -> list[AuditEvent]:
        wanted = {"verb": verb, "resource": resource, "subresource": subresource}
        wanted |= {"name": name, "uid": uid}
        return [
            event
            for event in self.events
            if all(value in (None, getattr(event, key)) for key, value in wanted.items())
        ]


@dataclass
class FakePlace:
    """The node and its slice, as they were made."""

    documents: tuple[dict[str, Any], ...] = (NODE, SLICE)


def event(verb: str, what: str, name: str, **more: Any) -> AuditEvent:
    resource, _, subresource = what.partition("/")
    values: dict[str, Any] = {"actor": "learner", "impersonates": "", "uid": "", "code": 200}
    values |= {"time": "2026-01-01T00:00:02Z", "namespace": "", "group": "", "id": "1", **more}
    return AuditEvent(verb=verb, resource=resource, subresource=subresource, name=name, **values)


MADE = event("create", "nodes", "n", uid="un", time="2026-01-01T00:00:01Z", response=NODE)
PUBLISHED = event("create", "resourceslices", "s", uid="us", time="2026-01-01T00:00:01Z")


def look(*events: AuditEvent) -> None:
    view = cast(ClusterView, FakeView([MADE, PUBLISHED, *events]))
    expect_undisturbed(view, cast(Probe, FakePlace()), {"own"}, {"gpu"})


def allocation(uid: str, pool: str) -> AuditEvent:
    status = {"allocation": {"devices": {"results": [{"pool": pool}]}}}
    return event("update", "resourceclaims/status", "c", uid=uid, response={"status": status})


def test_nothing_done_is_undisturbed() -> None:
    look()


def test_the_simulation_may_write_its_heartbeats() -> None:
    look(event("patch", "nodes/status", "n", actor=SIMULATOR, response={}))


@pytest.mark.parametrize(
    "disturbance",
    [
        event("patch", "nodes", "n", response={**NODE, "spec": {"unschedulable": True}}),
        event("patch", "nodes/status", "n", response={**NODE, "status": {"allocatable": {}}}),
        event("delete", "nodes", "n", response={}),
        event("patch", "nodes", "n", actor=SIMULATOR, impersonates="x", response={}),
        event("update", "resourceslices", "s", uid="us"),
        event("create", "devicetaintrules", "drain"),
        event("update", "deviceclasses", "gpu"),
        allocation("stranger", "n"),
    ],
    ids=lambda one: f"{one.verb} {one.resource} {one.actor}",
)
def test_whoever_disturbs_is_named(disturbance: AuditEvent) -> None:
    with pytest.raises(ProbeRefused, match=f"Somebody changed .* {disturbance.actor} did"):
        look(disturbance)


def test_the_graders_own_claims_and_other_pools_are_no_disturbance() -> None:
    look(allocation("own", "n"), allocation("stranger", "elsewhere"))


def test_what_was_done_before_the_node_was_made_is_no_disturbance() -> None:
    look(event("create", "devicetaintrules", "old", time="2026-01-01T00:00:00Z"))


def test_a_log_without_the_beginning_says_nothing() -> None:
    with pytest.raises(AuditIncomplete, match="how the grader's own node was made"):
        expect_undisturbed(cast(ClusterView, FakeView()), cast(Probe, FakePlace()), set(), set())


def test_the_classes_of_a_claim_are_those_of_all_its_requests() -> None:
    first = [{"deviceClassName": "a"}, {"deviceClassName": "b"}]
    requests = [{"exactly": {"deviceClassName": "c"}}, {"firstAvailable": first}, {}]

    assert classes_of({"devices": {"requests": requests}}) == {"a", "b", "c"}
