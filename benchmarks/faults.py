r"""Whether verdicts survive faults: killed workers, killed proctors, broken connections.

\b
python benchmarks/faults.py --times 200
python benchmarks/faults.py --times 50 --seed 7 --json

Each time a learner changes the cluster and asks for a check, so that the right answer is known, and
something is struck at a random moment of it. Then the ledger is compared with what the learner was
told: a report that they saw must be there once, word for word; one that they were told to be
without must not; every verdict must be the right one, or `error`; and asking again must give the
right answer. Half of the times the ledger is SQLite, half PostgreSQL where it is installed.
Ctrl-C ends it with what was found so far. Exit code 1 when one verdict is lost, doubled or wrong.
"""

from __future__ import annotations

import random
import shutil
import statistics
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

import click
import psutil
from rich.table import Table

from benchmarks.fault_databases import (
    Database,
    Postgresql,
    Sqlite,
    postgresql_installed,
    postgresql_server,
)
from benchmarks.fault_stage import Stage, random_folder, stage
from clusters.cli.output import err, out, print_json
from clusters.errors import AssayError
from graders.remote import ConnectionLost
from graders.report import Outcome, Report


class Fault(StrEnum):
    """What is struck."""

    WORKER = "worker"
    PROCTOR = "proctor"
    DATABASE = "database"


class Told(StrEnum):
    """What the learner was told about their check."""

    REPORT = "report"
    REFUSED = "refused"
    """Nothing was counted, and a sentence said why."""
    CUT_OFF = "cut off"
    """The connection ended: it may count or not."""


@dataclass
class Tally:
    """What happened."""

    struck: Counter[Fault] = field(default_factory=Counter)
    hit: Counter[Fault] = field(default_factory=Counter)
    """Struck while the check still ran."""
    told: Counter[Told] = field(default_factory=Counter)
    verdicts: int = 0
    errors: int = 0
    """Verdicts that say that we could not look."""
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    other: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[str]:
        """Everything that must not be, a sentence each."""
        return [*self.lost, *self.doubled, *self.wrong, *self.other]

    def to_json(self) -> dict[str, object]:
        """Return plain JSON values."""
        return {
            "struck": dict(self.struck),
            "hit": dict(self.hit),
            "told": dict(self.told),
            "verdicts": self.verdicts,
            "errors": self.errors,
            "lost": self.lost,
            "doubled": self.doubled,
            "wrong": self.wrong,
            "other": self.other,
        }


class Asked:
    """A check that is asked for in a thread, as a notebook asks."""

    def __init__(self, stage: Stage, attempt: str) -> None:
        self.report: Report | None = None
        self.told = Told.CUT_OFF
        self._thread = threading.Thread(target=self._ask, args=(stage, attempt))
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether there is no answer yet."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the answer."""
        self._thread.join()

    def _ask(self, stage: Stage, attempt: str) -> None:
        try:
            self.report = stage.remote(attempt).check(None, lambda result: None)
            self.told = Told.REPORT
        except ConnectionLost:
            self.told = Told.CUT_OFF
        except AssayError:
            self.told = Told.REFUSED


class Trial:
    """Strikes one stage again and again, and judges what became of the verdicts."""

    def __init__(self, stage: Stage, chance: random.Random, tally: Tally) -> None:
        self._stage = stage
        self._chance = chance
        self._tally = tally
        stage.revive()
        self._attempt = stage.start_lab()
        self._usual = self._usual_seconds()

    def round(self, number: int, fault: Fault) -> None:
        """Ask, strike, compare, and ask again."""
        truth = self._stage.toggle(self._chance.random() < 0.5)
        before = self._reports()
        asked = Asked(self._stage, self._attempt)
        time.sleep(self._chance.uniform(0, 1.2 * self._usual))
        self._tally.hit[fault] += asked.running
        self._strike(fault)
        self._tally.struck[fault] += 1
        asked.wait()
        self._stage.revive()
        self._tally.told[asked.told] += 1
        place = f"round {number} ({fault}, told: {asked.told})"
        self._compare(place, asked, before, truth)
        self._ask_again(place, truth)

    def finish(self) -> None:
        """Look at the whole ledger."""
        self._tally.other += self._stage.ledger.verify()
        reports = self._stage.ledger.reports(self._attempt)
        if len({report.id for report in reports}) != len(reports):
            self._tally.doubled.append("two reports have one id")

    def _compare(
        self, place: str, asked: Asked, before: dict[str, Report], truth: dict[str, Outcome]
    ) -> None:
        new = {id: r for id, r in self._reports().items() if id not in before}
        if len(new) > 1:
            self._tally.doubled.append(f"{place}: {len(new)} reports of one check")
        if asked.report is not None and new.get(asked.report.id) != asked.report:
            self._tally.lost.append(f"{place}: the report that was shown is not in the ledger")
        if asked.told is Told.REFUSED and new:
            self._tally.wrong.append(f"{place}: told that nothing counts, but it does")
        for report in new.values():
            self._judge(place, report, truth)

    def _ask_again(self, place: str, truth: dict[str, Outcome]) -> None:
        """Ask without a fault; somebody who was cut off asks until there is an answer."""
        before = self._reports()
        asked = Asked(self._stage, self._attempt)
        asked.wait()
        if asked.report is None:
            self._tally.lost.append(f"{place}: no report even without a fault ({asked.told})")
            return
        self._compare(f"{place}, again", asked, before, truth)
        if blind := [r.task for r in asked.report.results if r.outcome is Outcome.ERROR]:
            self._tally.wrong.append(f"{place}: {', '.join(blind)} could not be checked afterwards")

    def _judge(self, place: str, report: Report, truth: dict[str, Outcome]) -> None:
        for result in report.results:
            self._tally.verdicts += 1
            if result.outcome is Outcome.ERROR:
                self._tally.errors += 1
            elif result.outcome is not truth[result.task]:
                self._tally.wrong.append(f"{place}: {result.task} is said to be {result.outcome}")

    def _strike(self, fault: Fault) -> None:
        if fault is Fault.DATABASE:
            self._stage.database.strike(self._chance)
        elif fault is Fault.WORKER:
            if workers := self._stage.workers():
                _kill(self._chance.choice(workers))
        else:
            self._kill_proctor()

    def _kill_proctor(self) -> None:
        left_behind = self._stage.workers()
        assert self._stage.proctor is not None
        self._stage.proctor.kill()
        self._stage.proctor.wait()
        _, alive = psutil.wait_procs(left_behind, timeout=20)
        if alive:
            names = {" ".join(_command(process)) for process in alive}
            self._tally.other.append(f"outlived the proctor: {', '.join(sorted(names))}")

    def _reports(self) -> dict[str, Report]:
        return {report.id: report for report in self._stage.ledger.reports(self._attempt)}

    def _usual_seconds(self) -> float:
        seconds = []
        for _ in range(3):
            began = time.monotonic()
            self._stage.remote(self._attempt).check(None, lambda result: None)
            seconds.append(time.monotonic() - began)
        return statistics.median(seconds)


def try_faults(
    times: int,
    database: Database,
    chance: random.Random,
    tally: Tally,
    on_round: Callable[[int], None] = lambda number: None,
) -> None:
    """Strike a stage with this database so many times, each kind of fault in turn."""
    folder = random_folder()
    try:
        with stage(folder, database) as built:
            trial = Trial(built, chance, tally)
            try:
                for number in range(times):
                    trial.round(number, list(Fault)[number % len(Fault)])
                    on_round(number)
            finally:
                trial.finish()
    except Exception:
        err.print(_end_of_log(folder), markup=False, highlight=False)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def databases() -> Iterator[list[Callable[[], Database]]]:
    """Give the makers of the databases that can be had here."""
    folder = random_folder()
    folder.mkdir(mode=0o700)
    makers: list[Callable[[], Database]] = [lambda: Sqlite(folder / "assay.db")]
    try:
        if postgresql_installed():
            with postgresql_server() as server:
                yield [*makers, lambda: Postgresql(server)]
        else:
            err.print("PostgreSQL is not installed; SQLite alone is struck")
            yield makers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _end_of_log(folder: Path) -> str:
    log = folder / "proctor.log"
    return log.read_text(encoding="utf-8")[-4000:] if log.exists() else "the proctor said nothing"


def _tell(number: int) -> None:
    err.print(f"[dim]{number + 1}[/]", end=" ")


def _kill(process: psutil.Process) -> None:
    try:
        process.kill()
    except psutil.NoSuchProcess:
        return


def _command(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def _print(tally: Tally, seconds: float) -> None:
    table = Table("fault", "struck", "while the check ran", box=None)
    for fault in Fault:
        table.add_row(fault.value, str(tally.struck[fault]), str(tally.hit[fault]))
    out.print(table)
    told = ", ".join(f"{count} {what.value}" for what, count in tally.told.most_common())
    out.print(f"told: {told}; {tally.verdicts} verdicts, {tally.errors} of them errors")
    out.print(
        f"lost {len(tally.lost)}, doubled {len(tally.doubled)}, wrong {len(tally.wrong)}, "
        f"other problems {len(tally.other)}; {seconds:.0f} s"
    )
    for problem in tally.problems:
        err.print(f"[red]✗[/] {problem}", highlight=False)


@click.command(help=__doc__)
@click.option("--times", default=200, show_default=True, help="Faults altogether.")
@click.option("--seed", type=int, help="Repeat a run; random when left out.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def main(times: int, seed: int | None, as_json: bool) -> None:
    """Strike, compare, print."""
    seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    chance, tally, began = random.Random(seed), Tally(), time.monotonic()
    err.print(f"[dim]seed {seed}[/]")
    with suppress(KeyboardInterrupt), databases() as makers:  # then what was found counts
        for index, make in enumerate(makers):
            share = times // len(makers) + (index < times % len(makers))
            try_faults(
                share, make(), chance, tally, lambda n: err.print(f"[dim]{n + 1}[/]", end=" ")
            )
    seconds = time.monotonic() - began
    if as_json:
        print_json({"seed": seed, "seconds": round(seconds, 1), **tally.to_json()})
    else:
        _print(tally, seconds)
    raise SystemExit(1 if tally.problems else 0)


if __name__ == "__main__":
    main()
