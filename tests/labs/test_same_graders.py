"""The same claims and the same checks of a lab, on every provider."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from clusters.accelerators import resource_slices
from clusters.binaries import ensure_binaries
from clusters.provider import provider_named
from graders.api import ApiServer
from graders.catalogue import find_lab
from graders.rehearsal.plan import RunKind, plan_runs
from graders.rehearsal.scene import Scene, Workshop
from graders.rehearsal.steps import run_step
from graders.rendering import render_inventory
from graders.report import Outcome
from graders.runner import grade
from graders.variant import draw_variant

SEED = 7
LAB = find_lab("dra-01-claim-a-gpu")
REFERENCE = next(run for run in plan_runs(LAB, [SEED]) if run.kind is RunKind.SOLUTION)
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(
    scope="module",
    params=[
        pytest.param("embedded", marks=pytest.mark.cluster),
        pytest.param("kind", marks=pytest.mark.kind),
    ],
)
def workshop(request: pytest.FixtureRequest) -> Workshop:
    provider = provider_named(request.param)
    if problems := provider.preflight():
        pytest.skip(f"{request.param}: {'; '.join(problems)}")
    return Workshop(LAB, provider, "rehearsal:tests", ensure_binaries(["kubectl"])["kubectl"])


@pytest.fixture(scope="module")
def scene(workshop: Workshop) -> Iterator[Scene]:
    """The lab as a learner finds it."""
    with workshop.fresh(REFERENCE) as scene:
        yield scene


def outcomes(scene: Scene) -> dict[str, Outcome]:
    return {result.task: result.outcome for result in grade(scene.job()).results}


def outcomes_in_the_end(scene: Scene) -> dict[str, Outcome]:
    """Check until every task has passed, as a learner would: containers take time to start."""
    deadline = time.monotonic() + 120
    while True:
        found = outcomes(scene)
        if set(found.values()) == {Outcome.PASSED} or time.monotonic() > deadline:
            return found


def test_the_devices_are_those_of_the_inventory(scene: Scene) -> None:
    inventory = render_inventory(LAB, draw_variant(LAB.document.parameters, SEED))

    with ApiServer.from_file(scene.cluster.grader_kubeconfig) as api:
        found = api.get("/apis/resource.k8s.io/v1/resourceslices")["items"]

    published = {
        one["metadata"]["name"]: settled(one["spec"])
        for one in found
        if one["spec"]["driver"] == inventory.driver
    }
    assert published == {
        one["metadata"]["name"]: settled(one["spec"])
        for one in resource_slices(inventory, scene.cluster.name)
    }


def settled(spec: dict[str, Any]) -> dict[str, Any]:
    pool = {key: value for key, value in spec["pool"].items() if key != "generation"}
    return {**spec, "pool": pool}


def test_the_same_claims_pass_the_same_checks(workshop: Workshop, scene: Scene) -> None:
    untouched = outcomes(scene)

    with workshop.terminal(scene, tap=False) as (environment, _):
        for step in REFERENCE.steps:
            run_step(step, environment)
    solved = outcomes_in_the_end(scene)

    assert untouched == dict.fromkeys(LAB.task_ids, Outcome.FAILED)
    assert solved == dict.fromkeys(LAB.task_ids, Outcome.PASSED)
