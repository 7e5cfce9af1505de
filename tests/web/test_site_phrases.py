"""Times, durations and addresses as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from web.phrases import ago, count, duration, minutes_left, percent, spawn_path, time_left, time_tag

NOW = datetime(2026, 3, 5, 12, 0, tzinfo=UTC)


def before(**how_long: int) -> str:
    return (NOW - timedelta(**how_long)).isoformat()


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        (before(seconds=59), "just now"),
        (before(seconds=-30), "just now"),
        (before(minutes=1), "1 min ago"),
        (before(minutes=59, seconds=59), "59 min ago"),
        (before(hours=23, minutes=59), "23 h ago"),
        (before(days=1), "4 Mar 2026"),
        ("2026-01-01T00:00:00Z", "1 Jan 2026"),
    ],
)
def test_how_long_ago(moment: str, said: str) -> None:
    assert ago(moment, NOW) == said


@pytest.mark.parametrize(
    ("minutes", "said"), [(0, "0 min"), (40, "40 min"), (120, "2 h"), (125, "2 h 5 min")]
)
def test_a_duration(minutes: int, said: str) -> None:
    assert duration(minutes) == said


def test_minutes_left_are_rounded_up_and_never_negative() -> None:
    assert minutes_left(before(seconds=-61), NOW) == 2
    assert minutes_left(before(seconds=-1), NOW) == 1
    assert minutes_left(before(seconds=1), NOW) == 0
    assert time_left(before(seconds=1), NOW) == "time is over"
    assert time_left(before(minutes=-95), NOW) == "1 h 35 min left"


def test_counts() -> None:
    assert [count(n, "task") for n in (0, 1, 7)] == ["0 tasks", "1 task", "7 tasks"]


def test_only_everything_is_a_hundred_percent() -> None:
    assert percent(199, 200) == 99
    assert percent(200, 200) == 100
    assert percent(0, 0) == 0


def test_a_time_is_for_people_and_for_machines() -> None:
    tag = time_tag("2026-01-01T09:05:00Z")

    assert tag == (
        '<time datetime="2026-01-01T09:05:00Z" title="2026-01-01 09:05 UTC">1 Jan 2026</time>'
    )
    assert "\N{EN DASH}" in time_tag("")


def test_the_start_address_keeps_any_name_in_one_part() -> None:
    assert spawn_path("/x/hub/", "a/b ü@c", "lab") == (
        "/x/hub/spawn/a%2Fb%20%C3%BC@c/lab?opt-lab=lab"
    )
