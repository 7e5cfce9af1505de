"""Live state: how long after a change in the cluster the tick is on the screen.

A real proctor, a real cluster and a learner who follows the attempt as a notebook does: an event,
then the attempt as it is, then the table. What a browser needs to paint it is not in the figures.

    python -m benchmarks.grading_live [--quick]
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3
from rich.console import Console

from benchmarks.grading_rows import Judged, Row, Target, exit_code, row_of, to_table
from benchmarks.live_stage import Follower, Learner, Stage, live_stage
from graders.kubeconfig import load_kubeconfig
from graders.live.tail import News, Tails
from hub.task_table import TaskTable, rows_of_attempt

SECTION = "live"
PAUSE = 0.6
"""Seconds between two changes: people are slower."""
SECONDS = 120.0
"""For the rounds of one figure; a slow machine makes fewer of them, each as slow as it is."""
UNHEARD = 5.0
"""Seconds after which a write that nobody tells of is a fault of the benchmark."""
SOON = Target(1.0, judged=Judged.P95)

Change = Callable[[Learner], None]


def measure(quick: bool = False) -> list[Row]:
    """Measure with one learner, then beside another one who floods their own cluster."""
    rounds = 3 if quick else 40
    with tempfile.TemporaryDirectory(prefix="assay-live-") as folder:
        with live_stage(Path(folder)) as stage:
            ada = stage.learner("ada")
            follower = _followed(ada)
            rows = list(_ticks(ada, follower, rounds))
            rows += _sources(stage, ada, rounds)
            with _flood(stage):
                done, _ = _toggle(
                    ada, follower, "present", _make_config_map, _drop_config_map, rounds
                )
            rows.append(row_of(SECTION, "ConfigMap made, beside a flooded cluster", "s", done))
            follower.stop()
            return rows


def _ticks(ada: Learner, follower: Follower, rounds: int) -> Iterator[Row]:
    for what, task, do, undo in (
        ("ConfigMap", "present", _make_config_map, _drop_config_map),
        ("Pod", "running", _make_pod, _drop_pod),
    ):
        done, undone = _toggle(ada, follower, task, do, undo, rounds)
        note = "the scheduler and the simulated kubelet are in it" if what == "Pod" else ""
        yield row_of(SECTION, f"{what} made -> ✓ in the table", "s", done, SOON, note)
        yield row_of(SECTION, f"{what} deleted -> ✗ in the table", "s", undone, SOON)


def _toggle(
    ada: Learner, follower: Follower, task: str, do: Change, undo: Change, rounds: int
) -> tuple[list[float], list[float]]:
    done: list[float] = []
    undone: list[float] = []
    deadline = time.monotonic() + SECONDS
    while len(done) < rounds and time.monotonic() < deadline:
        done.append(_until_drawn(ada, follower, task, "passed", do))
        undone.append(_until_drawn(ada, follower, task, "failed", undo))
    return done, undone


def _until_drawn(
    ada: Learner, follower: Follower, task: str, outcome: str, change: Change
) -> float:
    """Return the seconds from the moment the change is sent until the table has the verdict."""
    began = time.monotonic()
    change(ada)
    follower.verdict(task, outcome, 60)
    TaskTable(rows_of_attempt(ada.remote.show()["tasks"])).html()
    seconds = time.monotonic() - began
    time.sleep(PAUSE)
    return seconds


def _sources(stage: Stage, ada: Learner, rounds: int) -> list[Row]:
    """Compare how soon the audit log and a watch tell of a write that has been answered."""
    heard = {"audit log": threading.Event(), "watch": threading.Event()}
    seconds: dict[str, list[float]] = {name: [] for name in heard}
    with _tailing(stage, heard["audit log"]), _watching(ada, heard["watch"]):
        for _ in range(rounds):
            for event in heard.values():
                event.clear()
            ada.make("ConfigMap", "written")
            began = time.monotonic()
            for name, event in heard.items():
                if not event.wait(UNHEARD):
                    raise RuntimeError(f"the {name} does not tell of a write")
                seconds[name].append(time.monotonic() - began)
            ada.remove("ConfigMap", "written")
            time.sleep(0.2)
    notes = {"audit log": "one thread for all clusters", "watch": "one connection for each kind"}
    return [
        row_of(SECTION, f"a write is seen by the {name}", "s", found, note=notes[name])
        for name, found in seconds.items()
    ]


@contextmanager
def _tailing(stage: Stage, heard: threading.Event) -> Iterator[None]:
    (log,) = (stage.folder / "clusters").glob("*/audit/audit.log")
    tails = Tails()

    def on_news(news: News) -> None:
        if any((e.name, e.verb) == ("written", "create") for e in news.events):
            heard.set()

    tails.add("one", log, on_news)
    yield
    tails.remove("one")


@contextmanager
def _watching(ada: Learner, heard: threading.Event) -> Iterator[None]:
    kubeconfig = load_kubeconfig(ada.kubeconfig)
    pool = urllib3.PoolManager(ssl_context=kubeconfig.tls)
    url = f"{kubeconfig.server}/api/v1/namespaces/default/configmaps?watch=true"
    answer = pool.request("GET", url, preload_content=False)

    def listen() -> None:
        rest = b""
        with suppress(urllib3.exceptions.HTTPError):  # it is closed in the end
            for part in answer.stream(None):
                *lines, rest = (rest + part).split(b"\n")
                for event in map(json.loads, lines):
                    name = event["object"]["metadata"]["name"]
                    if (event["type"], name) == ("ADDED", "written"):
                        heard.set()

    threading.Thread(target=listen, daemon=True).start()
    yield
    pool.clear()


@contextmanager
def _flood(stage: Stage) -> Iterator[None]:
    """Let somebody else write without a pause what their own checks read."""
    mallory = stage.learner("mallory")
    follower = _followed(mallory)
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            mallory.make("ConfigMap", "noise")
            mallory.remove("ConfigMap", "noise")

    thread = threading.Thread(target=write)
    thread.start()
    time.sleep(2)
    try:
        yield
    finally:
        stop.set()
        thread.join()
        follower.stop()


def _followed(learner: Learner) -> Follower:
    """Follow a new attempt, and wait until every task was looked at once."""
    follower = learner.follow()
    follower.verdict("tidy", "passed", 60)
    follower.verdict("kept", "passed", 60)
    time.sleep(2)
    return follower


def _make_config_map(ada: Learner) -> None:
    ada.make("ConfigMap", "present")


def _drop_config_map(ada: Learner) -> None:
    ada.remove("ConfigMap", "present")


def _make_pod(ada: Learner) -> None:
    ada.make_pod("running")


def _drop_pod(ada: Learner) -> None:
    ada.remove("Pod", "running")


if __name__ == "__main__":
    found = measure("--quick" in sys.argv)
    Console().print(to_table(found))
    sys.exit(exit_code(found))
