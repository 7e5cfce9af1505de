"""Regrade: how long it takes to judge thousands of stored attempts anew, without a cluster.

One attempt at a real lab is checked on a real cluster. Its evidence, under other names, becomes
that of thousands of attempts. Then a check of the lab changes, so that every attempt gets a new
verdict and a new signed report, and all of them are judged anew.

    python benchmarks/grading_regrade.py
    python benchmarks/grading_regrade.py --attempts 500
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.grading_rows import Row, Target, exit_code, to_table
from benchmarks.processor_time import processor_seconds
from clusters.binaries import ensure_binaries
from clusters.providers.embedded import EmbeddedProvider
from graders.attempts import Attempts
from graders.bundles.store import EvidenceStore
from graders.catalogue import find_lab
from graders.lab import Lab, load_lab
from graders.ledger import Attempt, Ledger, open_ledger
from graders.regrade import Choice, regrade
from graders.rehearsal.steps import learner_environment, run_step
from graders.report import Report
from graders.solutions import solutions_of

SECTION = "regrade"
LAB = "dra-01-claim-a-gpu"
ATTEMPTS = 10_000
SECONDS = 600.0
"""For so many attempts; fewer must be as much faster."""
_CHANGED = ("checks/test_inventory.py", "reported == str(answer)", "reported == 'changed'")


def measure(quick: bool = False, attempts: int = 0) -> list[Row]:
    """Judge stored attempts anew and return the figures."""
    number = attempts or (5 if quick else ATTEMPTS)
    with _installation() as home:
        ledger, store = open_ledger(), EvidenceStore()
        try:
            attempt, report = _checked(ledger, home)
            size = len(store.read_packed(report.evidence))
            _multiply(ledger, store, attempt, report, number - 1)
            choice = Choice(_changed_lab(home))
            began, before = time.monotonic(), processor_seconds()
            done = regrade(ledger, store, choice, "the benchmark changed a check")
            seconds, used = time.monotonic() - began, processor_seconds() - before
            problems = ledger.verify()
        finally:
            ledger.close()
    if len(done.written) != number or problems:
        raise RuntimeError(f"{len(done.written)} of {number} were written; {problems[:3]}")
    return _rows(number, seconds, used, len(report.results), size)


def _rows(number: int, seconds: float, used: float, tasks: int, size: int) -> list[Row]:
    limit = SECONDS * number / ATTEMPTS
    return [
        Row(
            SECTION,
            f"{number:,} stored attempts of a lab of {tasks} tasks, every one with a new verdict",
            "s",
            seconds,
            samples=number,
            target=Target(limit),
            note=f"without a cluster, on {len(os.sched_getaffinity(0))} cores, reports signed",
        ),
        Row(SECTION, "attempts a second", "/s", number / seconds),
        Row(SECTION, "processor time of one attempt", "ms", used / number * 1000),
        Row(SECTION, "evidence of one check of all tasks, compressed", "KiB", size / 1024),
    ]


def _checked(ledger: Ledger, home: Path) -> tuple[Attempt, Report]:
    """Solve and check the lab on a cluster of its own."""
    attempts = Attempts(ledger, EmbeddedProvider(home / "clusters"))
    attempt = attempts.start("bench", LAB, seed=1)
    try:
        kubectl = ensure_binaries(["kubectl"])["kubectl"]
        terminal = learner_environment(attempts.kubeconfig(attempt), kubectl, home)
        for step in solutions_of(find_lab(LAB))[0].steps:
            run_step(step, terminal)
        return attempt, attempts.check(attempt.id)
    finally:
        attempts.finish(attempt.id)


def _multiply(
    ledger: Ledger, store: EvidenceStore, attempt: Attempt, report: Report, number: int
) -> None:
    """Give so many learners the same verdicts, each with evidence of their own."""
    text = store.get(report.evidence)
    finished = ledger.attempt(attempt.id)
    for _ in range(number):
        other, id = secrets.token_hex(16), secrets.token_hex(16)
        own = text.replace(attempt.id.encode(), other.encode())
        digest = store.put(own.replace(report.id.encode(), id.encode()))
        learner = f"learner-{other[:8]}"
        ledger.add_attempt(replace(finished, id=other, learner=learner))
        changes = {"id": id, "attempt": other, "learner": learner, "evidence": digest}
        ledger.append(report.model_copy(update=changes))


def _changed_lab(home: Path) -> Lab:
    """Return a copy of the lab in which one check asks for something else."""
    folder = home / "labs" / LAB
    shutil.copytree(find_lab(LAB).folder, folder)
    name, before, after = _CHANGED
    source = (folder / name).read_text(encoding="utf-8")
    if before not in source:
        raise RuntimeError(f"{name} of {LAB} is not what this benchmark changes")
    (folder / name).write_text(source.replace(before, after), encoding="utf-8")
    return load_lab(folder)


@contextmanager
def _installation() -> Iterator[Path]:
    """Use a home of its own inside; nothing of it is left."""
    home = Path(tempfile.mkdtemp(prefix="bench-", dir="/tmp"))
    before = {name: os.environ.get(name) for name in ("ASSAY_HOME", "ASSAY_DATABASE_URL")}
    os.environ["ASSAY_HOME"] = str(home)
    os.environ.pop("ASSAY_DATABASE_URL", None)
    try:
        yield home
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        shutil.rmtree(home, ignore_errors=True)


def main() -> int:
    """Measure and print; return 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="how many are stored")
    rows = measure(attempts=parser.parse_args().attempts)
    Console().print(to_table(rows))
    return exit_code(rows)


if __name__ == "__main__":
    sys.exit(main())
