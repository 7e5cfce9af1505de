"""More time: how much, how often, and when a learner is told that it is nearly over."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from clusters.broker.lease import stamp
from graders.attempts import Attempts, NotExtended
from graders.attempts.extending import MOST, ends_soon, extensions_left, warning
from graders.catalogue import find_lab
from graders.ledger import Attempt, AttemptState

LAB = "bare-lab"


def minutes(attempt: Attempt) -> float:
    ends, began = map(datetime.fromisoformat, (attempt.deadline_at, attempt.started_at))
    return (ends - began).total_seconds() / 60


def test_an_attempt_is_extended_by_the_minutes_of_its_lab_and_twice_at_most(
    pretended: Attempts,
) -> None:
    attempt = pretended.start("ann", LAB)
    lab = find_lab(LAB)
    before = minutes(attempt)

    for times in range(1, MOST + 1):
        extended = pretended.extend(attempt.id)
        assert minutes(extended) == before + times * lab.document.minutes
        assert extensions_left(extended, lab) == MOST - times

    with pytest.raises(NotExtended, match="as often as one may"):
        pretended.extend(attempt.id)


def test_the_lease_lasts_as_long_as_the_attempt(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB)

    extended = pretended.extend(attempt.id)

    lease = pretended.broker.leases.of(f"attempt:{attempt.id}")
    assert lease is not None
    assert lease.expires_at == extended.deadline_at


def test_a_proctored_attempt_is_not_extended(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB, assurance="proctored")

    with pytest.raises(NotExtended, match="the same for everybody"):
        pretended.extend(attempt.id)


def test_learners_are_told_before_the_end(pretended: Attempts) -> None:
    attempt = pretended.start("ann", LAB)
    end = datetime.fromisoformat(attempt.deadline_at)

    assert warning(attempt, 2, end - timedelta(minutes=16)) == ""
    told = warning(attempt, 2, end - timedelta(minutes=12))
    assert told.startswith("your cluster is removed in 12 min; what you reached stays. You can")
    assert "%extend" not in warning(attempt, 0, end - timedelta(minutes=12))
    over = replace(attempt, state=AttemptState.FINISHED)
    assert not ends_soon(over, end)
    assert stamp(end) == attempt.deadline_at
