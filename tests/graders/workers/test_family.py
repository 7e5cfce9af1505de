"""A family that is left while somebody asks it, and gradings that cannot be begun."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from graders.kubeconfig import Access
from graders.messages import Order
from graders.workers.channel import Channel
from graders.workers.family import Family, Forked, ZygoteGone
from graders.workers.pool import Pool


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def test_a_family_that_is_left_while_it_is_asked_ends_its_worker_all_the_same(
    sleeper: subprocess.Popen[bytes],
) -> None:
    ours, theirs = Channel.pair()
    family, forked = Family(ours), Forked(sleeper.pid, os.pidfd_open(sleeper.pid))
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(family.end(forked)))

    asking.start()
    assert theirs.receive(10).document == {"do": "end", "pid": sleeper.pid}  # never answered
    family.close()
    asking.join(10)

    assert told == ["with the process that had forked it"]
    assert sleeper.wait(10) == -signal.SIGKILL
    theirs.close()
    os.close(forked.handle)


def test_a_family_that_was_left_is_said_to_be_gone() -> None:
    ours, theirs = Channel.pair()
    family = Family(ours)

    family.close()

    with pytest.raises(ZygoteGone):
        family.fork({"do": "worker"}, [])
    theirs.close()


def test_a_host_that_starts_no_process_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    pool = Pool()
    before = set(os.listdir("/proc/self/fd"))

    with pytest.raises(OSError, match="unavailable"), pool.worker(an_order(tmp_path), None):
        pass

    assert set(os.listdir("/proc/self/fd")) <= before


def an_order(checks: Path) -> Order:
    return Order(
        purpose="sweep",
        key="00",
        checks=checks,
        access=Access(server="https://127.0.0.1:1", authority=""),
        cluster_uid="",
        learner="",
        seed=1,
        values={},
        baseline={},
        tasks=(),
    )
