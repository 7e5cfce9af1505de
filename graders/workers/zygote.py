"""Zygote: `python -m graders.workers.zygote`, started by the pool of workers, never by hand.

It imports what every grading needs, loads no lab, keeps its rights, and forks on request:

    {"do": "lab", "checks", "number"}  + channel, output             a zygote of a lab
    {"do": "worker"}                   + order, output, messages, host
    {"do": "end", "pid"}                                             kill it and what it started

Its one argument is the descriptor of its channel. It ends, with all its children, when the process
at the other end does.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from graders.baseline import record_in_worker
from graders.workers.channel import Channel
from graders.workers.confinement import confine
from graders.workers.lab_zygote import serve_lab
from graders.workers.offspring import Child, Offspring
from graders.workers.serving import serve
from graders.workers.warming import warm_up
from graders.workers.worker import Ends, do_order, set_up_process
from graders.workers.workplace import Workplace


def main() -> None:
    """Serve the pool until it is gone."""
    channel = Channel.of_descriptor(int(sys.argv[1]))
    empty = Path.cwd()
    warm_up()
    offspring = Offspring()
    gc.collect()
    gc.disable()

    def lab(document: Mapping[str, Any], descriptors: list[int]) -> Child:
        place = Path(document["checks"]), document["number"], empty
        return offspring.fork(lambda: serve_lab(*place, *descriptors))

    def worker(document: Mapping[str, Any], descriptors: list[int]) -> Child:
        def live() -> None:
            checks = Path(document["checks"])
            confine(checks, document["number"], empty)
            set_up_process(empty)
            sys.path.append(str(checks))
            do_order(Ends(*descriptors), _work_without_checks)

        return offspring.fork(live)

    serve(channel, offspring, {"lab": lab, "worker": worker})
    empty.rmdir()


def _work_without_checks(workplace: Workplace) -> None:
    if workplace.order.purpose == "baseline":
        record_in_worker(workplace)


if __name__ == "__main__":
    main()
