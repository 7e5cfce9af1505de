"""Order of runs: as many at once as there may be, and none begun when the time is up."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field

from graders.rehearsal.plan import PlannedRun
from graders.rehearsal.report_card import RunResult

OnRun = Callable[[RunResult], None]


@dataclass
class Conductor:
    """Has runs done in their order, in which the most telling ones come first.

    Which runs a budget leaves out depends on the speed of the host, in which order they go never.
    """

    perform: Callable[[PlannedRun], RunResult]
    at_once: int
    on_run: OnRun
    interrupt: Callable[[], None]
    """Makes the runs that are under way end at once."""
    deadline: float | None = None
    """Monotonic clock; None means that there is time for everything."""
    left_out: list[PlannedRun] = field(default_factory=list)
    """Runs that were not begun."""

    def have_done(self, runs: Sequence[PlannedRun]) -> list[RunResult]:
        """Do runs and return what they found, in their order."""
        results: dict[int, RunResult] = {}
        waiting = deque(enumerate(runs))
        under_way: dict[Future[RunResult], int] = {}
        with ThreadPoolExecutor(self.at_once, thread_name_prefix="rehearsal") as pool:
            try:
                while waiting or under_way:
                    while waiting and len(under_way) < self.at_once and not self._is_over():
                        number, run = waiting.popleft()
                        under_way[pool.submit(self.perform, run)] = number
                    if not under_way:
                        break
                    for future in wait(under_way, return_when=FIRST_COMPLETED).done:
                        results[under_way.pop(future)] = future.result()
                        self.on_run(future.result())
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                self.interrupt()
                raise
        self.left_out += [run for _, run in waiting]
        return [results[number] for number in sorted(results)]

    def _is_over(self) -> bool:
        return self.deadline is not None and time.monotonic() > self.deadline
