"""What a worker may ask of its runner: the audit log, as often and as oddly as it likes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from graders.workers.host import Host, HostLink


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "audit-1.log").write_bytes(b"old\n")
    (tmp_path / "audit.log").write_bytes(b"new\n")
    return tmp_path / "audit.log"


@pytest.fixture
def link(log: Path) -> Iterator[HostLink]:
    host = Host("https://127.0.0.1:1", log)

    def serve() -> None:
        while host.serve_one():
            pass

    thread = threading.Thread(target=serve)
    thread.start()
    link = HostLink(os.dup(host.worker_end.fileno()))
    yield link
    link._channel.close()
    host.worker_end.hang_up()
    thread.join()
    host.close()


def lines(link: HostLink) -> list[bytes]:
    found = []
    for file in link.open_log():
        with closing(file):
            found += file.readlines()
    return found


def test_every_file_of_the_log_is_read_oldest_first(link: HostLink) -> None:
    assert lines(link) == [b"old\n", b"new\n"]


def test_a_reading_goes_on_whatever_was_read_meanwhile(link: HostLink) -> None:
    outer = link.open_log()
    with closing(next(outer)) as first:
        assert first.readlines() == [b"old\n"]

    for _ in range(50):
        assert lines(link) == [b"old\n", b"new\n"]

    with closing(next(outer)) as second:
        assert second.readlines() == [b"new\n"]
    assert next(outer, None) is None


def test_readings_that_were_left_do_not_add_up(link: HostLink) -> None:
    for _ in range(100):
        next(link.open_log()).close()  # as by who asks when the log begins

    assert lines(link) == [b"old\n", b"new\n"]
