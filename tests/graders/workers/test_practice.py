"""What a worker does before its order comes: it looks once, and runs nothing of the lab."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any

import pytest

from graders.errors import ClusterUnreachable
from graders.evidence import Evidence
from graders.plugin import ChecksPlugin
from graders.workers.lab_zygote import pytest_arguments
from graders.workers.worker import _is_there
from graders.workers.workplace import Look, Practice

CHECKS = """
from graders import check

def setup_module():
    raise RuntimeError("the lab was set up")

@check("one")
def test_one(cluster):
    raise RuntimeError("the check was run")
"""


class Shown:
    """What a check sees."""

    def __init__(self, error: Exception | None = None) -> None:
        self.asked: list[str] = []
        self.evidence = Evidence()
        self._error = error

    def get(self, kind: str, name: str) -> None:
        self.asked.append(f"{kind} {name}")
        if self._error is not None:
            raise self._error

    @contextmanager
    def look(self) -> Iterator[Any]:
        yield self


def practised(folder: Path, *looks: Look) -> ChecksPlugin:
    """Load checks, and practise with each of the looks."""
    (folder / "test_one.py").write_text(CHECKS, encoding="utf-8")

    def serve(work: object, practise: Practice) -> None:
        for look in looks:
            practise(look)

    plugin = ChecksPlugin(serve)
    pytest.main(pytest_arguments(folder), plugins=[plugin])
    return plugin


def test_it_looks_at_the_cluster_and_runs_nothing_of_the_lab(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    first, second = Shown(), Shown()

    practised(tmp_path, first.look, second.look)

    assert first.asked == second.asked == ["Namespace kube-system"]
    assert "the lab was set up" not in capfd.readouterr().err


def test_a_cluster_that_does_not_answer_is_left_to_the_check(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    away, back = Shown(ClusterUnreachable("away")), Shown()

    plugin = practised(tmp_path, away.look, back.look)

    assert back.asked == ["Namespace kube-system"]
    assert plugin._run is None
    assert plugin._look is None


def test_an_order_that_has_come_is_not_kept_waiting() -> None:
    reading, writing = os.pipe()
    with open(reading, "rb") as lines, open(writing, "wb", buffering=0) as order:
        assert isinstance(lines, BufferedReader)
        assert not _is_there(lines)
        order.write(b"one\ntwo\n")
        assert _is_there(lines)
        assert lines.readline() == b"one\n"
        assert _is_there(lines), "it was read ahead"
        assert lines.readline() == b"two\n"
        assert not _is_there(lines)
        assert os.get_blocking(lines.fileno())
