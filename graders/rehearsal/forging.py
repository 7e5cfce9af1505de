"""Forgeries in a rehearsal: several on a cluster, where they can be undone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from itertools import islice

from graders.api import ApiServer
from graders.discovery import Discovery
from graders.errors import GradingError
from graders.forgeries import Forgery, ForgeryResult, State, Work, attempt_forgery, forgeries
from graders.forgeries import Scene as ForgeryScene
from graders.forgeries.states import bring_about
from graders.rehearsal.plan import PlannedRun, RunKind
from graders.rehearsal.scene import Scene
from graders.report import Report
from graders.runner import grade

AT_MOST = 12
"""Forgeries on one cluster: with fewer a rehearsal takes longer, with more it is one long run."""
_UNDONE_SECONDS = 60.0
_POLL_SECONDS = 0.5


def plan_forgeries(seed: int, kubernetes: str = "") -> list[PlannedRun]:
    """Return the runs in which every known forgery is tried.

    Args:
        seed: gives the variant.
        kubernetes: version; empty means the one that learners have.
    """
    return [
        PlannedRun(
            seed,
            RunKind.FORGERY,
            f"{state}/{batch[0].name}" + (f" and {len(batch) - 1} more" if batch[1:] else ""),
            kubernetes=kubernetes,
            forgeries=tuple(one.name for one in batch),
        )
        for state in State
        for batch in _batches(state)
    ]


def try_forgeries(
    run: PlannedRun, scene: Scene, environment: Mapping[str, str], work: Work
) -> Iterator[Report | ForgeryResult]:
    """Bring about the state of a run's forgeries and try one after the other.

    Args:
        run: one of `plan_forgeries`.
        scene: a fresh cluster.
        environment: of a learner's terminal there.
        work: what somebody who passed the same variant has beyond the starting state.

    Yields:
        The grading before, and then what came of each forgery.
    """
    known = {one.name: one for one in forgeries()}
    chosen = [known[name] for name in run.forgeries]
    bring_about(chosen[0].state, scene.lab, environment, work)
    job = scene.job()
    before = grade(job)
    yield before
    outcomes = {result.task: result.outcome for result in before.results}
    there = ForgeryScene(scene.cluster.kubeconfig, outcomes, work)
    served = _served(scene)
    for one in chosen:
        yield attempt_forgery(one, there, lambda: grade(job))
        if not one.lasting:
            _wait_for(lambda: _served(scene) == served)


def _served(scene: Scene) -> set[str]:
    """Return every kind that is served, which a forgery may have handed to another server."""
    try:
        with ApiServer.from_file(scene.cluster.grader_kubeconfig) as api:
            return {f"{found.api_version} {found.kind}" for found in Discovery().types(api)}
    except GradingError:
        return set()


def _wait_for(holds: Callable[[], bool]) -> None:
    """Wait until what was undone is so; what never is shows in what comes next."""
    deadline = time.monotonic() + _UNDONE_SECONDS
    while not holds() and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)


def _batches(state: State) -> Iterator[list[Forgery]]:
    found = [one for one in forgeries() if one.state is state]
    passing = iter(one for one in found if not one.lasting)
    while batch := list(islice(passing, AT_MOST)):
        yield batch
    yield from ([one] for one in found if one.lasting)
