"""The zygote of a lab: its checks are loaded and collected, and stay so while it forks workers.

Whatever the lab does while it is loaded, it does confined and in a process of its own. Its channel
says first `{"loaded": true}`, or `{"problem": "one sentence"}`; then it forks on request:

    {"do": "worker"}  + order, output, messages, host
    {"do": "end", "pid"}
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from graders.errors import GradingError
from graders.plugin import ChecksPlugin
from graders.workers.channel import Channel
from graders.workers.confinement import Confined, confine
from graders.workers.offspring import Child, Offspring
from graders.workers.serving import serve
from graders.workers.worker import Ends, do_order, keep_only, set_up_process
from graders.workers.workplace import Practice, Work

_WITHOUT = (
    "cacheprovider",
    "doctest",
    "faulthandler",
    "junitxml",
    "logging",
    "terminal",
    "unittest",
    "warnings",
)
"""Parts of pytest that write files or to the terminal, or collect what is no check."""


def serve_lab(checks: Path, number: int, empty: Path, channel_end: int, output: int) -> None:
    """Load a lab and fork workers for it until nobody asks any more.

    Args:
        checks: the lab's folder of checks.
        number: of this zygote; its account goes by it.
        empty: folder to be in.
        channel_end: descriptor of the channel.
        output: what the lab prints while it is loaded goes here.
    """
    _take_over(channel_end, output)
    confined = confine(checks, number, empty)
    set_up_process(empty)
    sys.path.append(str(checks))  # checks may import their neighbours
    channel = Channel.of_descriptor(channel_end)
    offspring = Offspring()
    code = _collect(checks, lambda *does: _serve(channel, offspring, confined, *does))
    channel.send({"problem": f"The checks of this lab cannot be loaded (pytest: {code!s})"})


def _take_over(channel_end: int, output: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    keep_only((channel_end,))


def _collect(checks: Path, serve_work: Callable[[Work, Practice], None]) -> int:
    return pytest.main(pytest_arguments(checks), plugins=[ChecksPlugin(serve_work)])


def pytest_arguments(checks: Path) -> list[str]:
    """Return how pytest collects the checks in a folder, and nothing else from anywhere."""
    without = [argument for name in _WITHOUT for argument in ("-p", f"no:{name}")]
    options = [
        f"--rootdir={checks}",
        f"--confcutdir={checks}",
        f"--config-file={os.devnull}",
        "--import-mode=importlib",
        "--disable-plugin-autoload",
        "--continue-on-collection-errors",
        "--capture=no",
    ]
    return [*without, *options, str(checks)]


def _serve(
    channel: Channel, offspring: Offspring, confined: Confined, work: Work, practice: Practice
) -> None:
    if threading.active_count() > 1:  # a fork would have it only by halves
        raise GradingError("a file of checks starts a thread while it is loaded")

    def worker(document: Mapping[str, Any], descriptors: list[int]) -> Child:
        return offspring.fork(lambda: do_order(Ends(*descriptors), work, practice))

    channel.send({"loaded": True, "confined": confined._asdict()})
    serve(channel, offspring, {"worker": worker})
    os._exit(0)
