"""The section `simple`: one check that reads three objects, beside what else could check them.

Ours is measured from the request at the proctor until its answer, which is signed and in the
ledger by then. Between two checks the learner thinks for a moment. The peers take turns with it, so
that all of them see the same machine.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from benchmarks.grading_peers import NbgraderPeer, VerifyScript
from benchmarks.grading_platform import Learner, running_platform
from benchmarks.grading_rows import Bound, Judged, Row, Target, row_of

SECTION = "simple"
LATENCY_TARGET = Target(100.0, judged=Judged.P95)
NBGRADER_TARGET = Target(30.0, Bound.AT_LEAST)
SCRIPT_TARGET = Target(5.0, Bound.AT_LEAST)
THINKING_SECONDS = 0.25


def measure(quick: bool = False) -> list[Row]:
    """Take the figures."""
    rounds, in_round = (2, 3) if quick else (5, 30)
    ours: list[float] = []
    script: list[float] = []
    notebook: list[float] = []
    with running_platform() as platform, NbgraderPeer() as nbgrader:
        learner = platform.start("ada", "bench-simple")
        verify = VerifyScript(learner.kubeconfig, platform.home)
        _check(learner)
        verify.run()  # fills kubectl's cache of kinds
        for _ in range(rounds):
            for _ in range(in_round):
                time.sleep(THINKING_SECONDS)
                ours.append(_milliseconds(lambda: _check(learner)))
            script += [_milliseconds(verify.run) for _ in range(max(in_round // 5, 1))]
            notebook.append(_milliseconds(nbgrader.autograde))
    median = statistics.median(ours)
    return [
        row_of(SECTION, "a check of three objects, request to verdict", "ms", ours, LATENCY_TARGET),
        row_of(SECTION, "verify.sh of three kubectl calls", "ms", script),
        row_of(SECTION, "nbgrader autograde of five cells", "ms", notebook),
        Row(
            SECTION,
            "faster than verify.sh",
            "times",
            statistics.median(script) / median,
            target=SCRIPT_TARGET,
        ),
        Row(
            SECTION,
            "faster than nbgrader autograde",
            "times",
            statistics.median(notebook) / median,
            target=NBGRADER_TARGET,
        ),
    ]


def _check(learner: Learner) -> None:
    for result in learner.check()["results"]:
        if result["outcome"] != "passed":
            raise RuntimeError(f"{result['task']}: {result['message']}")


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000
