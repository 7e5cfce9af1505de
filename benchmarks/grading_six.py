"""The section `six`: a lab of six tasks, of which each asks the cluster in another way."""

from __future__ import annotations

import time

from benchmarks.grading_platform import running_platform
from benchmarks.grading_rows import Judged, Row, Target, row_of

SECTION = "six"
TARGET = Target(1.0, judged=Judged.P95)
THINKING_SECONDS = 0.25


def measure(quick: bool = False) -> list[Row]:
    """Take the figures."""
    seconds: list[float] = []
    with running_platform() as platform:
        learner = platform.start("ada", "bench-six")
        first = time.perf_counter()
        learner.check()
        first = time.perf_counter() - first
        for _ in range(3 if quick else 60):
            time.sleep(THINKING_SECONDS)
            began = time.perf_counter()
            report = learner.check()
            seconds.append(time.perf_counter() - began)
            if not all(result["outcome"] == "passed" for result in report["results"]):
                raise RuntimeError(f"not every task passed: {report['results']}")
    return [
        row_of(SECTION, "all checks of a six-task lab", "s", seconds, TARGET),
        Row(SECTION, "the same, first check of the installation", "s", first),
    ]
