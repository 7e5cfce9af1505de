"""Timing: which looks decide, in a time that passes only when somebody sleeps."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from graders.checks import CheckFailed
from graders.conduct import Misconduct
from graders.errors import ClusterUnreachable
from graders.lab import Task
from graders.timing import Clock, Mode, Timing, decide

NO = CheckFailed("The Pod does not run", "Running", "Pending", "kubectl describe pod")
AWAY = ClusterUnreachable("The API server does not answer")


class FakeTime:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.clock = Clock(lambda: self.now, self._sleep)
        self.looks: list[float] = []

    def _sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def look(
        self, says: Callable[[float], Exception | None], takes: float = 0.0
    ) -> Callable[[], None]:
        """Return a look that says what is true at its beginning, seconds after the start."""

        def look() -> None:
            answer = says(self.now - 100.0)
            self.looks.append(self.now - 100.0)
            self.now += takes
            if answer is not None:
                raise answer

        return look


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


def test_assert_looks_once(time: FakeTime) -> None:
    with pytest.raises(CheckFailed):
        decide(time.look(lambda at: NO), Timing(), time.clock)

    assert time.looks == [0.0]


def test_converge_looks_until_it_is_true(time: FakeTime) -> None:
    decide(time.look(lambda at: NO if at < 7 else None), Timing(Mode.CONVERGE, 10), time.clock)

    assert 7 <= time.looks[-1] <= 7.5


def test_converge_ignores_a_look_that_could_not_be_made_while_there_is_time(
    time: FakeTime,
) -> None:
    decide(time.look(lambda at: AWAY if at < 3 else None), Timing(Mode.CONVERGE, 10), time.clock)


@pytest.mark.parametrize("answer", [NO, AWAY])
def test_what_the_last_look_of_converge_says_counts(time: FakeTime, answer: Exception) -> None:
    def says(at: float) -> Exception:
        return answer if at >= 10 else NO

    with pytest.raises(type(answer)):
        decide(time.look(says), Timing(Mode.CONVERGE, 10), time.clock)

    assert time.looks[-1] == pytest.approx(10)


def test_a_yes_that_takes_until_after_the_time_still_counts(time: FakeTime) -> None:
    decide(time.look(lambda at: None, takes=30), Timing(Mode.CONVERGE, 10), time.clock)


def test_a_slow_look_does_not_shorten_the_window(time: FakeTime) -> None:
    look = time.look(lambda at: NO, takes=4)

    with pytest.raises(CheckFailed):
        decide(look, Timing(Mode.CONVERGE, 10), time.clock)

    assert time.looks[-1] >= 10


def test_hold_passes_what_stays_true_and_looks_until_the_end(time: FakeTime) -> None:
    decide(time.look(lambda at: None), Timing(Mode.HOLD, hold=60), time.clock)

    assert time.looks[-1] == pytest.approx(60)
    assert max(b - a for a, b in zip(time.looks, time.looks[1:], strict=False)) <= 0.5


def test_the_time_of_hold_begins_when_it_becomes_true(time: FakeTime) -> None:
    says = time.look(lambda at: NO if at < 5 else None)

    decide(says, Timing(Mode.HOLD, within=10, hold=20), time.clock)

    assert 25 <= time.looks[-1] <= 26


def test_what_flaps_does_not_pass_and_the_sentence_says_when_and_what(time: FakeTime) -> None:
    def says(at: float) -> Exception | None:
        return NO if 30 <= at < 31 else None

    with pytest.raises(CheckFailed) as caught:
        decide(time.look(says), Timing(Mode.HOLD, hold=60), time.clock)

    assert time.looks[-1] < 31
    assert caught.value.message.startswith("It was done but did not stay so: 30.")
    assert caught.value.message.endswith("s later, the Pod does not run")
    assert (caught.value.expected, caught.value.found) == ("Running", "Pending")
    assert caught.value.hint == "kubectl describe pod"


def test_a_violation_outweighs_looks_that_could_not_be_made(time: FakeTime) -> None:
    def says(at: float) -> Exception | None:
        return AWAY if 10 <= at < 20 else NO if at >= 40 else None

    with pytest.raises(CheckFailed):
        decide(time.look(says), Timing(Mode.HOLD, hold=60), time.clock)


def test_a_hold_with_a_hole_is_neither_passed_nor_failed(time: FakeTime) -> None:
    with pytest.raises(ClusterUnreachable):
        decide(
            time.look(lambda at: AWAY if 10 <= at < 11 else None),
            Timing(Mode.HOLD, hold=60),
            time.clock,
        )

    assert time.looks[-1] == pytest.approx(60)


def test_what_never_becomes_true_fails_in_the_words_of_the_check(time: FakeTime) -> None:
    with pytest.raises(CheckFailed, match=r"^The Pod does not run$"):
        decide(time.look(lambda at: NO), Timing(Mode.HOLD, within=5, hold=60), time.clock)


def test_a_plain_assertion_that_flaps_is_said_too(time: FakeTime) -> None:
    def says(at: float) -> Exception | None:
        return AssertionError("assert 2 == 3\n  where 2 = replicas") if at > 1 else None

    with pytest.raises(CheckFailed) as caught:
        decide(time.look(says), Timing(Mode.HOLD, hold=5), time.clock)

    assert caught.value.message.endswith("the check said no")
    assert "where 2 = replicas" in caught.value.found


@pytest.mark.parametrize("timing", [Timing(Mode.CONVERGE, 10), Timing(Mode.HOLD, 10, 10)])
@pytest.mark.parametrize("error", [Misconduct("wrote a file"), ZeroDivisionError()])
def test_what_is_wrong_with_a_check_itself_is_not_tried_again(
    time: FakeTime, timing: Timing, error: Exception
) -> None:
    with pytest.raises(type(error)):
        decide(time.look(lambda at: error), timing, time.clock)

    assert len(time.looks) == 1


def test_nobody_can_foresee_the_looks(time: FakeTime) -> None:
    other = FakeTime()
    for one in (time, other):
        decide(one.look(lambda at: None), Timing(Mode.HOLD, hold=10), one.clock)

    assert time.looks != other.looks


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"mode": "converge"}, "within: a task with mode converge needs it"),
        ({"mode": "hold"}, "hold: a task with mode hold needs it"),
        ({"mode": "hold", "within": 5}, "hold: a task with mode hold needs it"),
        ({"within": 5}, "within: only a task with mode converge or hold has it"),
        ({"mode": "converge", "within": 5, "hold": 5}, "hold: only a task with mode hold has it"),
        ({"mode": "hold", "hold": 301}, "less than or equal to 300"),
        ({"mode": "twice"}, "mode"),
    ],
)
def test_keys_that_do_not_fit_the_mode_are_refused(keys: dict[str, object], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        Task.model_validate(_TASK | keys)


def test_the_time_limit_of_a_check_leaves_room_for_what_it_waits() -> None:
    task = Task.model_validate(_TASK | {"mode": "hold", "within": 20, "hold": 60, "seconds": 5})

    assert task.limit == 85


_TASK = {"id": "t", "title": "A task", "points": 1, "domain": "A"}
