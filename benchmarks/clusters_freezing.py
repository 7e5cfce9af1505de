"""Freezing: SIGSTOP to each process beside the kernel's freezer of control groups."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.clusters_stage import ask, processes_of
from benchmarks.grading_rows import Row, row_of
from clusters.provider import Cluster
from graders.attempts import Attempts

TIMES = 20
_V1 = Path("/sys/fs/cgroup/freezer")
_V2 = Path("/sys/fs/cgroup")
_LONGEST = 10.0


class Freezing(NamedTuple):
    """A way to hold a cluster still."""

    freeze: Callable[[], None]
    thaw: Callable[[], None]


def freezing_rows(attempts: Attempts, cluster: Cluster, quick: bool = False) -> list[Row]:
    """Return how long each way takes, and how soon a cluster answers again."""
    times = 2 if quick else TIMES
    broker = attempts.broker
    by_signal = Freezing(lambda: broker.freeze(cluster.name), lambda: broker.thaw(cluster.name))
    rows = _rows("SIGSTOP", by_signal, cluster, times)
    try:
        with control_group(cluster) as by_group:
            return rows + _rows("control group", by_group, cluster, times)
    except OSError as error:
        note = f"this machine lets nobody make a freezing control group: {error.strerror}"
        return [*rows, Row("fleet", "freeze by control group", "ms", float("nan"), note=note)]


def _rows(way: str, freezing: Freezing, cluster: Cluster, times: int) -> list[Row]:
    held, answered = [], []
    for _ in range(times):
        began = time.monotonic()
        freezing.freeze()
        frozen = time.monotonic()
        freezing.thaw()
        ask(cluster.kubeconfig, "/readyz")
        held.append(1000 * (frozen - began))
        answered.append(1000 * (time.monotonic() - frozen))
    return [
        row_of("fleet", f"freeze by {way}", "ms", held),
        row_of("fleet", f"thaw by {way}, until it answers", "ms", answered),
    ]


@contextmanager
def control_group(cluster: Cluster) -> Iterator[Freezing]:
    """Put the processes of a cluster into a control group that can be frozen.

    Raises:
        OSError: this machine does not let us.
    """
    v2 = (_V2 / "cgroup.controllers").exists()
    group = (_V2 if v2 else _V1) / f"assay-bench-{os.getpid()}"
    group.mkdir()
    try:
        for process in processes_of(cluster):
            (group / "cgroup.procs").write_text(str(process.pid))
        state = group / ("cgroup.freeze" if v2 else "freezer.state")
        words = ("1", "0") if v2 else ("FROZEN", "THAWED")
        yield Freezing(lambda: _set(state, words[0]), lambda: _set(state, words[1]))
    finally:
        for process in processes_of(cluster):
            (group.parent / "cgroup.procs").write_text(str(process.pid))
        group.rmdir()


def _set(state: Path, word: str) -> None:
    """Write a state, and wait until it is reached where that takes a while (version 1)."""
    state.write_text(word)
    deadline = time.monotonic() + _LONGEST
    while state.read_text().strip() != word and time.monotonic() < deadline:
        time.sleep(0.0005)
