"""The end of audit logs that grow, turn over, and are flooded."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from graders.live import tail
from graders.live.tail import LogTail, News, Tails

Follow = Callable[[Path], LogTail]


def line(name: str, padding: int = 0) -> str:
    document = {
        "kind": "Event",
        "apiVersion": "audit.k8s.io/v1",
        "stage": "ResponseComplete",
        "verb": "create",
        "user": {"username": "learner"},
        "objectRef": {"resource": "pods", "namespace": "team", "name": name},
        "responseStatus": {"code": 201},
        "annotations": {"padding": "x" * padding},
    }
    return json.dumps(document, separators=(",", ":")) + "\n"


def names(news: News) -> list[str]:
    return [event.name for event in news.events]


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


@pytest.fixture
def follow() -> Iterator[Follow]:
    with ExitStack() as open_tails:
        yield lambda log: open_tails.enter_context(closing(LogTail(log)))


def test_only_what_is_appended_is_news(tmp_path: Path, follow: Follow) -> None:
    log = tmp_path / "audit.log"
    append(log, line("old"))
    end = follow(log)

    assert not end.read()
    append(log, line("one") + line("two"))
    assert names(end.read()) == ["one", "two"]
    assert not end.read()


def test_a_gap_is_news_of_something_that_was_left_out(tmp_path: Path, follow: Follow) -> None:
    log = tmp_path / "audit.log"
    append(log, line("old"))
    end = follow(log)

    note = {"kind": "Gap", "apiVersion": "assay.dev/v1", "reason": "cut", "time": "now"}
    append(log, "\n" + json.dumps(note) + "\n" + line("one"))
    news = end.read()

    assert news.skipped
    assert names(news) == ["one"]


def test_a_line_that_is_still_being_written_waits_for_its_end(
    tmp_path: Path, follow: Follow
) -> None:
    log = tmp_path / "audit.log"
    append(log, "")
    end = follow(log)
    text = line("one")

    append(log, text[:50])
    assert not end.read()
    append(log, text[50:])

    assert names(end.read()) == ["one"]


def test_a_log_that_is_not_there_yet_is_read_from_its_beginning(
    tmp_path: Path, follow: Follow
) -> None:
    log = tmp_path / "audit.log"
    end = follow(log)

    assert not end.read()
    append(log, line("one"))

    assert names(end.read()) == ["one"]


def test_a_log_that_turns_over_loses_nothing(tmp_path: Path, follow: Follow) -> None:
    log = tmp_path / "audit.log"
    append(log, line("old"))
    end = follow(log)
    append(log, line("one"))
    log.rename(tmp_path / "audit-2026-01-01T00-00-00.000.log")
    append(log, line("two"))

    assert names(end.read()) + names(end.read()) == ["one", "two"]


def test_a_flood_is_skipped_and_said(tmp_path: Path, follow: Follow) -> None:
    log = tmp_path / "audit.log"
    append(log, "")
    end = follow(log)
    append(log, "".join(line(f"pod-{n}", padding=10_000) for n in range(1000)))

    began = time.monotonic()
    news = end.read()

    assert news.skipped
    assert names(news)[-1] == "pod-999"
    assert len(news.events) < 100
    assert time.monotonic() - began < 1
    assert not end.read()


def test_one_thread_follows_many_logs_and_ends_with_the_last(tmp_path: Path) -> None:
    heard: dict[str, list[str]] = {"a": [], "b": []}
    tails = Tails()

    def listener(key: str) -> Callable[[News], None]:
        def hear(news: News) -> None:
            heard[key] += names(news)
            if key == "a":
                raise RuntimeError("a listener that fails must not silence the others")

        return hear

    for key in heard:
        append(tmp_path / key, "")
        tails.add(key, tmp_path / key, listener(key))
    for key in heard:
        append(tmp_path / key, line(key))
    until(lambda: heard == {"a": ["a"], "b": ["b"]})

    assert running() == 1
    for key in heard:
        tails.remove(key)
    tails.remove("never there")
    until(lambda: running() == 0)
    tails.add("b", tmp_path / "b", listener("b"))
    append(tmp_path / "b", line("again"))
    until(lambda: heard["b"] == ["b", "again"])
    tails.remove("b")


def running() -> int:
    return len([t for t in threading.enumerate() if t.name == "audit-tail"])


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(tail.EVERY / 4)
