"""The catalogue of forgeries, tried on every lab.

The whole catalogue takes minutes for each lab and is part of a rehearsal; here a choice of every
family is tried, or all of them with ASSAY_FORGERIES=all.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from clusters.capability import Capability
from graders.catalogue import all_labs
from graders.forgeries import (
    Forgery,
    ForgeryResult,
    Scene,
    State,
    Work,
    attempt_forgery,
    forgeries,
    read_work,
)
from graders.forgeries.intruder import Intruder
from graders.forgeries.states import bring_about
from graders.lab import Lab
from graders.report import Outcome

if TYPE_CHECKING:
    from tests.labs.conftest import Desk, OpenDesk

pytestmark = pytest.mark.cluster

LABS = [
    lab.slug
    for lab in all_labs()
    if isinstance(lab, Lab) and Capability.INFERENCE not in lab.document.capabilities
]
"""Where model servers have to load first, only a rehearsal tries them."""
SEED = 20
ALL = os.environ.get("ASSAY_FORGERIES") == "all"
AT_ONCE = (
    "patched-status",
    "times-of-the-future",
    "allocations-by-hand",
    "certificate-of-the-scheduler",
    "kinds-of-the-same-name",
    "everything-labelled-a-probe",
    "events-made-up",
    "verdicts-made-up",
    "passed-work-copied-by-hand",
)
"""Forgeries that do not get in each other's way, and are tried in one go."""
CHOICE = (
    "impersonated-scheduler",
    "made-up-devices",
    "claims-made-right",
    "devices-of-probes-taken",
    "nodes-of-probes-filled",
    "probes-called-unschedulable",
    "probes-refused",
    "probes-rewritten",
    "webhook-before-everything",
    "quota-of-nothing",
    "probes-deleted",
    "version-handed-to-another-server",
)
SLOW_SECONDS = 2.0
"""Checks of the choice that wait longer than this for what nobody does are left to the rest."""


class Grounds:
    """Clusters of one lab in every state, each started when it is first needed."""

    def __init__(self, slug: str, open_desk: OpenDesk, stack: ExitStack) -> None:
        self._slug = slug
        self._open = open_desk
        self._stack = stack
        self._scenes: dict[State, tuple[Desk, Scene, tuple[str, ...]]] = {}
        self._work = Work()

    def attempt(self, forgery: Forgery) -> ForgeryResult:
        if not self._work.objects:
            self._stand(State.DONE)
        state = State.PAPERS if forgery.state is State.UNTOUCHED and not ALL else forgery.state
        desk, scene, tasks = self._stand(state)
        return attempt_forgery(forgery, scene, lambda: desk.report(*tasks))

    def _stand(self, state: State) -> tuple[Desk, Scene, tuple[str, ...]]:
        if state not in self._scenes:
            desk = self._stack.enter_context(self._open(self._slug, SEED))
            start = read_work(desk.cluster.kubeconfig)
            bring_about(state, desk.lab, desk.environment, self._work)
            if state is State.DONE:
                self._work = read_work(desk.cluster.kubeconfig).beyond(start)
            report = desk.report()
            before = {result.task: result.outcome for result in report.results}
            quick = (r.task for r in report.results if ALL or r.seconds < SLOW_SECONDS)
            scene = Scene(desk.cluster.kubeconfig, before, self._work)
            self._scenes[state] = desk, scene, tuple(quick)
        return self._scenes[state]


@pytest.fixture(scope="module", params=LABS)
def grounds(request: pytest.FixtureRequest, open_desk: OpenDesk) -> Iterator[Grounds]:
    with ExitStack() as stack:
        yield Grounds(request.param, open_desk, stack)


def together(chosen: list[Forgery]) -> Forgery:
    """Return one forgery that does what all of these do."""

    def carry_out(intruder: Intruder) -> None:
        for one in chosen:
            one.carry_out(intruder)

    name = " and ".join(one.name for one in chosen)
    names = tuple(word for one in chosen for word in one.names)
    return replace(chosen[0], name=name, names=names, carry_out=carry_out)


def tried() -> list[Forgery]:
    """Return what is tried here; what destroys its cluster comes last in each state."""
    known = {one.name: one for one in forgeries()}
    if ALL:
        return sorted(known.values(), key=lambda one: one.lasting)
    return [together([known[name] for name in AT_ONCE]), *(known[name] for name in CHOICE)]


@pytest.mark.parametrize("forgery", tried(), ids=lambda forgery: forgery.name.partition(" and ")[0])
def test_a_forgery_gains_nothing(grounds: Grounds, forgery: Forgery) -> None:
    result = grounds.attempt(forgery)

    assert result.surprises == []


def test_what_a_forgery_did_is_undone(grounds: Grounds) -> None:
    """The honest tasks of the last cluster pass again once nobody forges any more."""
    nothing = replace(forgeries()[0], name="nothing", state=State.DONE, carry_out=lambda i: None)

    result = grounds.attempt(nothing)

    assert result.report is not None
    assert {one.outcome for one in result.report.results} == {Outcome.PASSED}
