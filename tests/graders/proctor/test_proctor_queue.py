"""The queue of starts, and what it is built on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from clusters.broker import CapacityExhausted, Place
from clusters.phases import Phase
from graders.proctor.feed import Feed
from graders.proctor.queue import Queue, Seat
from graders.proctor.timings import REMEMBERED, Timings, percentile


class FakePlaces:
    """Seats in a list."""

    def __init__(self) -> None:
        self.seats: list[str] = []

    def wait(self, seat: str) -> Place:
        if seat not in self.seats:
            self.seats.append(seat)
        return Place(self.seats.index(seat) + 1, None)

    def leave(self, seat: str) -> None:
        self.seats.remove(seat)


class FakeRoom:
    """Room for so many starts."""

    def __init__(self, places: int, seats: FakePlaces) -> None:
        self.places = places
        self.seats = seats
        self.admitted: list[str] = []
        self.asked: set[str] = set()

    async def start(self, queue: Queue, seat: Seat) -> str:
        self.asked.add(seat.learner)
        await asyncio.sleep(0)
        others = [name for name in self.seats.seats if name != seat.name]
        ahead = seat.name not in self.seats.seats and others
        if len(self.admitted) >= self.places or ahead:
            raise CapacityExhausted("all places are taken")
        self.admitted.append(seat.learner)
        queue.admitted(seat)
        return seat.learner


async def come(queue: Queue, room: FakeRoom, learner: str, told: list[tuple[str, int]]) -> str:
    seat = Seat(learner, "tiny")
    return await queue.pass_through(
        seat, lambda: room.start(queue, seat), lambda place: told.append((learner, place.position))
    )


def test_who_came_first_starts_first() -> None:
    async def story() -> tuple[list[str], list[tuple[str, int]]]:
        places = FakePlaces()
        room, told = FakeRoom(1, places), list[tuple[str, int]]()
        queue = Queue(places, patience=10, try_every=0.01)
        waiting = [
            asyncio.create_task(come(queue, room, name, told)) for name in ("ada", "bob", "eve")
        ]
        await waiting[0]
        while not {("bob", 1), ("eve", 2)} <= set(told):
            await asyncio.sleep(0.01)
        assert len(queue) == 2
        room.places = 3
        await asyncio.gather(*waiting)
        assert len(queue) == 0
        return room.admitted, told

    admitted, told = asyncio.run(story())

    assert admitted == ["ada", "bob", "eve"]
    assert not {position for name, position in told if name == "ada"}
    assert [position for name, position in told if name == "eve"] == [2, 1]


def test_who_waits_too_long_is_sent_away_and_leaves_the_queue() -> None:
    async def story() -> int:
        queue = Queue(places := FakePlaces(), patience=0.05, try_every=0.01)
        with pytest.raises(CapacityExhausted, match="taken"):
            await come(queue, FakeRoom(0, places), "ada", [])
        assert not places.seats
        return len(queue)

    assert asyncio.run(story()) == 0


def test_who_gives_up_leaves_the_queue() -> None:
    async def story() -> int:
        queue = Queue(places := FakePlaces(), patience=10, try_every=0.01)
        waiting = asyncio.create_task(come(queue, FakeRoom(0, places), "ada", []))
        while not len(queue):
            await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        return len(queue)

    assert asyncio.run(story()) == 0


def test_a_feed_is_read_from_any_place_and_ends() -> None:
    async def story() -> list[list[int]]:
        feed = Feed[int](asyncio.get_running_loop())
        readers = [asyncio.create_task(read(feed, after)) for after in (0, 2)]
        for number in (10, 20, 30):
            await asyncio.to_thread(feed.add, number)
        await asyncio.to_thread(feed.close)
        return [*(await asyncio.gather(*readers)), await read(feed, 0)]

    assert asyncio.run(story()) == [[10, 20, 30], [30], [10, 20, 30]]


def test_a_feed_forgets_its_oldest_items_but_not_their_numbers() -> None:
    async def story() -> list[tuple[int, str]]:
        feed = Feed[str](asyncio.get_running_loop(), keep=2)
        for item in "abcd":
            feed.add(item)
        feed.close()
        await asyncio.sleep(0)
        return [(entry.number, entry.item) async for entry in feed.read()]

    assert asyncio.run(story()) == [(3, "c"), (4, "d")]


async def read(feed: Feed[int], after: int) -> list[int]:
    return [entry.item async for entry in feed.read(after)]


def test_timings_follow_the_newest_starts(tmp_path: Path) -> None:
    timings = Timings(tmp_path / "deep" / "start.json")
    for seconds in range(1, REMEMBERED + 11):
        timings.record([Phase("etcd", "Starting etcd", 10, float(seconds))])

    (etcd,) = timings.expected()

    assert (etcd.name, etcd.p50, etcd.p95) == ("etcd", 30.0, 48.0)


def test_a_damaged_timings_file_costs_only_the_estimates(tmp_path: Path) -> None:
    path = tmp_path / "start.json"
    for damage in ("", "{", '{"a": 1}', '[{"name": "etcd"}]', "[1]"):
        path.write_text(damage)

        assert Timings(path).expected() == []


@pytest.mark.parametrize(("values", "percent", "found"), [([5], 95, 5), ([1, 2, 3, 4], 50, 2)])
def test_percentile(values: list[float], percent: int, found: float) -> None:
    assert percentile(values, percent) == found
