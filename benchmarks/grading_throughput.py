"""The section `throughput`: many learners check at once, for ten thousand verdicts.

Twenty clusters run on the machine that grades. Eight learners at a time ask for all six tasks of
their lab, again and again, without thinking in between. A verdict is the outcome of one task.
Memory is that of the proctor with all of its graders; shared pages count once. It may grow while
the first verdicts come, so it is compared from a tenth of them on.
"""

from __future__ import annotations

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from benchmarks.grading_platform import Learner, Platform, running_platform
from benchmarks.grading_rows import Bound, Row, Target

SECTION = "throughput"
RATE_TARGET = Target(60.0, Bound.AT_LEAST)
GROWTH_TARGET = Target(24.0)
"""MiB; a leak of 3 KiB a verdict would miss it."""
AT_ONCE = 8


@dataclass
class _Progress:
    """What has been graded; changed under its lock."""

    verdicts: int = 0
    wrong: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def measure(quick: bool = False) -> list[Row]:
    """Take the figures."""
    clusters, wanted = (2, 60) if quick else (20, 10_000)
    with running_platform() as platform:
        learners = [platform.start(f"learner-{n}", "bench-six") for n in range(clusters)]
        _grade(learners, wanted // 10)
        before = platform.memory()
        began = time.monotonic()
        done = _grade(learners, wanted - wanted // 10)
        seconds = time.monotonic() - began
        grown = platform.memory() - before
        _require_whole_ledger(platform)
    return [
        Row(
            SECTION,
            f"verdicts per second, {clusters} clusters",
            "/s",
            done.verdicts / seconds,
            samples=done.verdicts,
            target=RATE_TARGET,
        ),
        Row(SECTION, "verdicts other than passed", "", done.wrong, target=Target(0)),
        Row(SECTION, "memory of proctor and graders", "MiB", before),
        Row(SECTION, f"growth over {done.verdicts} verdicts", "MiB", grown, target=GROWTH_TARGET),
    ]


def _grade(learners: list[Learner], wanted: int) -> _Progress:
    """Let the learners check in turn, several at a time, until there are enough verdicts."""
    progress = _Progress()
    turns = itertools.cycle(learners)
    busy: set[str] = set()

    def next_learner() -> Learner | None:
        with progress.lock:
            if progress.verdicts >= wanted:
                return None
            learner = next(one for one in turns if one.name not in busy)
            busy.add(learner.name)
            return learner

    def work() -> None:
        while (learner := next_learner()) is not None:
            results = learner.check()["results"]
            with progress.lock:
                busy.discard(learner.name)
                progress.verdicts += len(results)
                progress.wrong += sum(result["outcome"] != "passed" for result in results)

    at_once = min(AT_ONCE, len(learners))
    with ThreadPoolExecutor(at_once) as threads:
        for done in [threads.submit(work) for _ in range(at_once)]:
            done.result()
    return progress


def _require_whole_ledger(platform: Platform) -> None:
    """Refuse figures of a ledger whose chain or signatures do not hold."""
    if problems := platform.verify():
        raise RuntimeError(f"the ledger does not hold: {problems[:3]}")
