"""The newest table of a notebook follows the attempt; the proctor here only pretends."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from graders.remote import Event, ProctorUnreachable, RequestRefused
from hub import following
from hub.following import Following
from hub.task_table import TaskTable, rows_of_attempt


def task(outcome: str) -> dict[str, Any]:
    empty = dict.fromkeys(("message", "expected", "found", "hint", "done_at"), "")
    return {"id": "a", "title": "A", "points": 1, "done": False, "outcome": outcome, **empty}


class FakeAttempt:
    """Yields what a test says: an event, or an error."""

    def __init__(self) -> None:
        self.says: queue.Queue[Event | Exception] = queue.Queue()
        self.outcome = ""
        self.followed_after: list[str] = []

    def follow(self, after: str) -> Iterator[Event]:
        self.followed_after.append(after)
        while True:
            said = self.says.get(timeout=20)
            if isinstance(said, Exception):
                raise said
            yield said

    def show(self) -> dict[str, Any]:
        return {"tasks": [task(self.outcome)]}

    def verdict(self, number: int, outcome: str) -> None:
        self.outcome = outcome
        self.says.put(Event(str(number), "report", {}))


class FakeHandle:
    """A display that remembers what was drawn."""

    def __init__(self) -> None:
        self.drawn: list[str] = []

    def update(self, table: TaskTable) -> None:
        self.drawn.append(table.text()[:1])


def draw(tasks: Any) -> TaskTable:
    return TaskTable(rows_of_attempt(tasks))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.fixture
def attempt() -> Iterator[FakeAttempt]:
    attempt = FakeAttempt()
    yield attempt
    attempt.says.put(RequestRefused("over"))
    until(lambda: not [t for t in threading.enumerate() if t.name == "assay-following"])


def test_only_the_newest_table_changes_and_not_while_somebody_else_draws(
    attempt: FakeAttempt,
) -> None:
    older, newer = FakeHandle(), FakeHandle()
    table = Following()

    table.show(attempt, older, draw)  # type: ignore[arg-type]
    attempt.verdict(1, "passed")
    until(lambda: older.drawn == ["✓"])
    table.show(attempt, newer, draw)  # type: ignore[arg-type]
    attempt.verdict(2, "failed")
    until(lambda: newer.drawn == ["✗"])
    table.let_go()
    attempt.verdict(3, "passed")
    until(attempt.says.empty)

    assert older.drawn == ["✓"]
    assert newer.drawn == ["✗"]
    assert attempt.followed_after == [""], "one thread, one connection"


def test_a_proctor_that_was_away_is_followed_on_from_where_it_was(
    attempt: FakeAttempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "RETRY", 0.01)
    handle = FakeHandle()
    Following().show(attempt, handle, draw)  # type: ignore[arg-type]

    attempt.verdict(7, "passed")
    attempt.says.put(ProctorUnreachable("away"))
    attempt.verdict(8, "failed")

    until(lambda: attempt.followed_after == ["", "7"])
    until(lambda: len(handle.drawn) == 2 and handle.drawn[-1] == "✗")


def test_nobody_is_followed_after_the_end_and_a_new_table_begins_again(
    attempt: FakeAttempt,
) -> None:
    handle, table = FakeHandle(), Following()
    table.show(attempt, handle, draw)  # type: ignore[arg-type]

    attempt.says.put(Event("1", "attempt", {"state": "finished"}))
    until(lambda: not [t for t in threading.enumerate() if t.name == "assay-following"])
    table.show(attempt, handle, draw)  # type: ignore[arg-type]
    until(lambda: attempt.followed_after == ["", ""])
