"""Choice: which reports are judged anew."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from clusters.errors import InputInvalid
from graders.lab import Lab
from graders.ledger import Attempt, Ledger
from graders.ledger.progress import HeldVerdict, verdicts_that_hold
from graders.report import CheckResult, Report, Trigger

_VERSION = re.compile(r"\d+\.\d+\.\d+")


@dataclass(frozen=True)
class Choice:
    """Reports of one lab, as far as they match everything that is given."""

    lab: Lab
    since: str = ""
    """A version of the lab or a date: only checks made by that version or then, or later."""
    attempt: str = ""
    tasks: tuple[str, ...] = ()
    """Ids of tasks; all of them when empty."""

    def __post_init__(self) -> None:
        problems = [
            f"{self.lab.slug} has no task {task!r}; it has {', '.join(self.lab.task_ids)}"
            for task in self.tasks
            if task not in self.lab.task_ids
        ]
        if self.since and not _VERSION.fullmatch(self.since) and not _is_a_date(self.since):
            problems.append(f"--since {self.since!r} is neither a version such as 1.2.0 nor a date")
        if problems:
            raise InputInvalid(problems)

    def attempts(self, ledger: Ledger) -> list[Attempt]:
        """Return the attempts that may have such reports, oldest first; raises NotFound."""
        if self.attempt:
            return [ledger.attempt(self.attempt)]
        return ledger.attempts(lab=self.lab.slug)[::-1]

    def chosen(self, reports: Sequence[Report]) -> Iterator[Chosen]:
        """Yield the chosen checks of an attempt, each with the verdicts that hold.

        Args:
            reports: all reports of the attempt, oldest first.
        """
        held: dict[str, list[HeldVerdict]] = {}
        for verdict in verdicts_that_hold(reports):
            held.setdefault(verdict.check.id, []).append(verdict)
        newest = {r.regrade_of: r for r in reports if r.trigger is Trigger.REGRADE}
        for report in reports:
            if report.trigger is Trigger.REGRADE or not self._wants(report):
                continue
            verdicts = {v.result.task: v.result for v in held.get(report.id, ())}
            tasks = [t for t in self.tasks or self.lab.task_ids if t in verdicts]
            if tasks:
                ordered = {task: verdicts[task] for task in self.lab.task_ids if task in tasks}
                yield Chosen(report, ordered, newest.get(report.id))

    def _wants(self, report: Report) -> bool:
        if not self.since:
            return True
        if _VERSION.fullmatch(self.since):
            return _numbers(report.lab_version) >= _numbers(self.since)
        return report.finished_at >= self.since


class Chosen(NamedTuple):
    """One check of an attempt that may be judged anew."""

    report: Report
    verdicts: dict[str, CheckResult]
    """The verdicts on the chosen tasks as they hold now, in the order of the lab."""
    regraded: Report | None
    """The newest regrade of the report."""

    def is_judged_by(self, versions: dict[str, str]) -> bool:
        """Whether the newest regrade was made by the same lab and grader, of all these tasks."""
        if self.regraded is None:
            return False
        same = all(self.regraded.versions.get(name) == versions[name] for name in versions)
        return same and {r.task for r in self.regraded.results} >= self.verdicts.keys()


def _is_a_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
