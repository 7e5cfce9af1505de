"""The line of a log that says why a component ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from clusters.providers.embedded.logs import last_words, telling_line


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], ""),
        (["starting", "bye"], "bye"),
        (
            [
                'E1124 00:11:24.912757   30506 run.go:72] "command failed" err="no such flag"',
                "I1124 00:11:25.000000   30506 server.go:1] stopped",
            ],
            '"command failed" err="no such flag"',
        ),
        (
            ['{"level":"fatal","msg":"discovery failed","error":"no space left on device"}', "x"],
            "discovery failed: no space left on device",
        ),
        (
            [
                '{"level":"panic","msg":"no WAL","error":"no space left on device"}',
                "panic: no WAL",
                "goroutine 1 [running]:",
            ],
            "no WAL: no space left on device",
        ),
        (["panic: nil pointer", "goroutine 1 [running]:", "main.go:3"], "panic: nil pointer"),
    ],
)
def test_the_most_telling_line_is_chosen(lines: list[str], said: str) -> None:
    assert telling_line(lines) == said


def test_a_long_line_is_cut(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x" * 100_000)

    assert 0 < len(last_words(tmp_path / "log")) <= 300


def test_a_missing_log_says_nothing(tmp_path: Path) -> None:
    assert last_words(tmp_path / "log") == ""


def test_bytes_that_are_no_text_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"\xff\xfe\x00 broken\n")

    assert "broken" in last_words(tmp_path / "log")
