"""Judging: checks look at recordings instead of a cluster, and without waiting."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NoReturn

import pytest

from graders.bundles.redacted import NotRecorded
from graders.bundles.replay import Replay
from graders.bundles.told import Told
from graders.bundles.views import replayed_view
from graders.conduct import Conduct
from graders.messages import Order, OrderedTask
from graders.plugin import ChecksPlugin
from graders.report import CheckResult, Outcome
from graders.safeguards.recording import KEY as SAFEGUARDS
from graders.variant import Variant
from graders.view import ClusterView


class Known(dict[str, Any]):
    """What was known then; asked for something else it says what that is."""

    def __init__(self, values: Mapping[str, Any], what: str) -> None:
        super().__init__(values)
        self._what = what

    def __missing__(self, key: str) -> NoReturn:
        raise NotRecorded(f"The evidence does not hold {self._what} {key!r}")


class RecordedPlace:
    """What a check has to look at: the recordings of one bundle."""

    def __init__(self, order: Order, bundle: Mapping[str, Any], *, redacted: bool) -> None:
        """Show the recordings of a bundle to the checks of an order.

        Args:
            order: which checks, and what they know.
            bundle: the recordings.
            redacted: whether marks of secrets may be in it.
        """
        self.order = order
        self._bundle = bundle
        self._told = Told(bundle["objects"], redacted=redacted)
        self._replay: Replay | None = None

    @contextmanager
    def judging(self, task: str) -> Iterator[None]:
        """Let the check of a task live by the recorded time inside."""
        recording = self._bundle["tasks"][task]["recording"]
        self._replay = Replay(recording, self._told) if recording else None
        with machine.following(self._replay):
            yield

    @contextmanager
    def look(self) -> Iterator[ClusterView]:
        """Show the recording of the task to its check."""
        if self._replay is None:
            raise NotRecorded("The evidence does not hold what this check was told")
        with replayed_view(self._replay, audited=self.order.audited) as view:
            yield view

    @property
    def lacking(self) -> list[str]:
        """What the check asked for and is not in the recording."""
        return self._replay.lacking if self._replay else []


class JudgingPlugin(ChecksPlugin):
    """Runs checks on recordings, one bundle after the other."""

    _place: RecordedPlace

    @pytest.fixture
    def cluster(self) -> Iterator[ClusterView]:
        """The learner's cluster, as it was recorded."""
        with self._place.look() as view:
            if self._run is not None:
                self._run.view = view
            yield view

    @pytest.fixture
    def variant(self) -> Variant:
        """The parameters of the attempt."""
        known = Known(self._order.values, "the parameter")
        return Variant(self._order.seed, known, self._order.answers)

    @pytest.fixture
    def baseline(self) -> dict[str, Any]:
        """What was recorded after set-up."""
        recorded = {k: v for k, v in self._order.baseline.items() if k != SAFEGUARDS}
        return Known(recorded, "in what was recorded at the start")

    def judge(self, place: RecordedPlace, conduct: Conduct) -> list[CheckResult]:
        """Return what the checks of an order make of a bundle."""
        self._place, self._order, self._conduct = place, place.order, conduct
        results: list[CheckResult] = []
        for task in place.order.tasks:
            results.append(self._judge(place, task))
            if conduct.problem:
                break  # nothing may be believed after it
        return results

    def _judge(self, place: RecordedPlace, task: OrderedTask) -> CheckResult:
        with place.judging(task.id):
            result = self._check(task)
        if not place.lacking:
            return result
        # Whatever the check made of it, it was not told what it asked for.
        said = {"outcome": Outcome.ERROR, "message": place.lacking[0]}
        return result.model_copy(update={**said, "expected": "", "found": "", "hint": ""})


class _Machine:
    """The machine's own clock, for checks that do not ask the clock of `graders.clock`."""

    def __init__(self) -> None:
        self._replay: Replay | None = None
        self._real = {name: getattr(time, name) for name in ("monotonic", "time", "sleep")}

    def install(self) -> None:
        """Take the place of the module's functions, for ever."""
        for name in self._real:
            setattr(time, name, getattr(self, f"_{name}"))

    @contextmanager
    def following(self, replay: Replay | None) -> Iterator[None]:
        """Tell the time of a replay inside."""
        self._replay = replay
        try:
            yield
        finally:
            self._replay = None

    @property
    def replay(self) -> Replay | None:
        """The replay that goes on now."""
        return self._replay

    def _monotonic(self) -> float:
        return self._replay.time if self._replay else self._real["monotonic"]()

    def _time(self) -> float:
        if self._replay is None:
            return float(self._real["time"]())
        return self._replay.began_at.timestamp() + self._replay.time

    def _sleep(self, seconds: float) -> None:
        if self._replay is None:
            self._real["sleep"](seconds)
        else:
            self._replay.skip(seconds)


machine = _Machine()
