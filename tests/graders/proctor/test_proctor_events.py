"""Following an attempt, and the metrics."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx

if TYPE_CHECKING:
    from tests.graders.proctor.conftest import Running


def read_events(lines: Iterator[str], until: str) -> list[tuple[str, str]]:
    """Read events up to the first of kind `until`; (id, kind) each."""
    found: list[tuple[str, str]] = []
    id = ""
    for line in lines:
        if line.startswith("id: "):
            id = line.removeprefix("id: ")
        if line.startswith("event: "):
            found.append((id, line.removeprefix("event: ")))
            if found[-1][1] == until:
                return found
    raise AssertionError(f"the stream ended before {until}: {found}")


def test_events_begin_with_the_attempt_and_can_be_resumed(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        with ada.stream("GET", "/attempts/ada-tiny/events") as events:
            lines = events.iter_lines()
            read_events(lines, "attempt")
            ada.post("/attempts/ada-tiny/checks")
            seen = read_events(lines, "report")
        after_first = {"Last-Event-ID": seen[0][0]}
        with ada.stream("GET", "/attempts/ada-tiny/events", headers=after_first) as events:
            again = read_events(events.iter_lines(), "report")

    assert [kind for _, kind in seen] == ["result", "result", "report"]
    assert again == seen[1:]


def test_events_that_cannot_be_resumed_begin_anew(proctor: Running) -> None:
    proctor.start()
    with (
        proctor.as_("ada") as ada,
        ada.stream(
            "GET", "/attempts/ada-tiny/events", headers={"Last-Event-ID": "before-restart-7"}
        ) as events,
    ):
        kinds = [kind for _, kind in read_events(events.iter_lines(), "attempt")]

    assert kinds == ["attempt"]


def test_who_missed_more_than_is_kept_begins_anew(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        with ada.stream("GET", "/attempts/ada-tiny/events") as events:
            lines = events.iter_lines()
            read_events(lines, "attempt")
            ada.post("/attempts/ada-tiny/checks")
            first = read_events(lines, "report")[0][0]
        for _ in range(25):
            ada.post("/attempts/ada-tiny/checks")
        away = {"Last-Event-ID": first}
        with ada.stream("GET", "/attempts/ada-tiny/events", headers=away) as events:
            [(_, kind)] = read_events(events.iter_lines(), "attempt")

    assert kind == "attempt"


def test_the_end_of_an_attempt_is_an_event(proctor: Running) -> None:
    proctor.start()
    with (
        proctor.as_("ada") as ada,
        ada.stream("GET", "/attempts/ada-tiny/events") as events,
    ):
        lines = events.iter_lines()
        read_events(lines, "attempt")
        ada.post("/attempts/ada-tiny/finish")

        assert read_events(lines, "attempt")


def test_metrics_count_and_name_no_learner(proctor: Running) -> None:
    proctor.start()
    with proctor.as_("ada") as ada:
        ada.post("/attempts/ada-tiny/checks")
    text = httpx.get(f"{proctor.url}/metrics", trust_env=False).text

    for task in ("first", "second"):
        labels = f'lab="tiny",outcome="failed",task="{task}",trigger="asked"'
        assert f"assay_checks_total{{{labels}}} 1.0" in text
        assert f'assay_check_seconds_count{{lab="tiny",task="{task}"}} 1.0' in text
    assert 'assay_starts_total{lab="tiny",result="done"} 1.0' in text
    assert "ada" not in text
