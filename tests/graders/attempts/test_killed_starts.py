"""A process that starts an attempt is killed in the middle; somebody else puts it right."""

from __future__ import annotations

import subprocess
import sys

import pytest

from graders.attempts import Attempts
from graders.ledger import AttemptState

LAB = "small-lab"
PROGRAM = """
import sys
from clusters.provider import provider_named
from graders.attempts import Attempts
from graders.ledger import open_ledger
Attempts(open_ledger(), provider_named()).start(
    "ann", sys.argv[1], on_phase=lambda phase: print(phase.name, flush=True)
)
"""

pytestmark = pytest.mark.cluster


@pytest.fixture(autouse=True)
def _begin_with_nothing(attempts: Attempts) -> None:
    for attempt in attempts.ledger.attempts():
        attempts.finish(attempt.id)


def start_and_kill(moment: str) -> None:
    """Kill a starting process as soon as a phase begins."""
    command = [sys.executable, "-c", PROGRAM, LAB]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        reached = any(line.strip() == moment for line in process.stdout)
        process.kill()
    assert reached, f"the start ended before the phase {moment}"


@pytest.mark.parametrize("moment", ["api-server", "baseline"])
def test_the_next_start_goes_on_with_the_attempt(attempts: Attempts, moment: str) -> None:
    start_and_kill(moment)
    (interrupted,) = attempts.ledger.attempts(states=[AttemptState.STARTING])

    attempt = attempts.start("ann", LAB)

    assert attempt.id == interrupted.id
    assert attempt.state is AttemptState.OPEN
    assert [cluster.name for cluster in attempts.provider.list()] == [attempt.cluster]
    assert attempts.provider.status(attempt.cluster).uid == attempt.cluster_uid
    assert not attempts.check(attempt.id).passed


@pytest.mark.parametrize("moment", ["credentials", "starting-state"])
def test_reconciling_gives_it_up_and_leaves_nothing(attempts: Attempts, moment: str) -> None:
    start_and_kill(moment)
    (interrupted,) = attempts.ledger.attempts(states=[AttemptState.STARTING])

    done = attempts.reconcile()

    assert done == [f"attempt {interrupted.id}: its start was interrupted, it is given up"]
    assert attempts.ledger.attempt(interrupted.id).state is AttemptState.BROKEN
    assert attempts.provider.list() == []
    assert attempts.reconcile() == []


def test_a_start_under_way_is_not_taken_for_an_interrupted_one(attempts: Attempts) -> None:
    command = [sys.executable, "-c", PROGRAM, LAB]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()

        done = attempts.reconcile()

        process.stdout.read()
    assert done == []
    assert process.returncode == 0
    assert attempts.ledger.live_attempt("ann", LAB) is not None
